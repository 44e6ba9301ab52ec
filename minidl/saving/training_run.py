"""What a `.keras` file that is written while `fit` runs holds besides the model: the run's state.

    metadata.json      "training_run": epoch, batch, random numbers, callbacks, places of arrays
    model.weights.h5   training_run/vars/0 ...: the arrays that are none of the model's variables

So `fit(resume=path)` goes on with the same bytes, and weights and slots are in the file once.
Keras asks for neither place, and loads the model as any other.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl._typing import Array
from minidl.saving import archive, hdf5
from minidl.saving.errors import ModelFileError
from minidl.saving.paths import existing_path
from minidl.saving.state import TRAINING_RUN
from minidl.saving.state_file import packed, unpacked

if TYPE_CHECKING:
    from minidl.models.run import Run

_FORMAT = "minidl training run 1"


def add_run(run: Run, groups: dict[str, dict[str, Array]]) -> dict[str, Any]:
    """Return a run's state as an entry of the metadata, and add its arrays to the variables.

    Arguments:
        run: the run.
        groups: the variables of the weights file by path; an array that is there already, such as
            a weight, is not added again.

    Raises:
        TypeError: if a callback's state has something that cannot be written.
    """
    arrays: list[Array] = []
    tree = packed(run.get_state(), arrays, "The state of the run")
    there = {
        _fingerprint(array): [path, name]
        for path, variables in groups.items()
        for name, array in variables.items()
    }
    places: list[list[str]] = []
    own: dict[str, Array] = {}
    for array in arrays:
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"The state of a callback has an array of dtype {array.dtype}, expected numbers in "
                "what get_state() returns: a .keras file has a place for no others."
            )
        place = there.pop(_fingerprint(array), None)  # each is named once, so reading stays bounded
        if place is None:
            place = [TRAINING_RUN, str(len(own))]
            own[place[1]] = array
        places.append(place)
    groups[TRAINING_RUN] = own
    return {TRAINING_RUN: {"format": _FORMAT, "state": tree, "arrays": places}}


def _fingerprint(array: Array) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, hashlib.blake2b(array.tobytes()).digest()


def read_run(filepath: str | os.PathLike[str]) -> Any:
    """Return the state of the run in which a `.keras` file was written; None without a file.

    Raises:
        ModelFileError: if the file is damaged or unsafe, or was not written while `fit` ran.
        ValueError: if the path ends otherwise.
    """
    path = Path(os.fspath(filepath))
    if path.name.endswith(".keras") and not path.exists():
        return None
    path = existing_path(path, (".keras",), "fit(resume=...)")
    with open(path, "rb") as file:
        members = archive.Archive(file, path.name)
        there = archive.METADATA in members.names()
        entry = members.read_json(archive.METADATA).get(TRAINING_RUN) if there else None
        if not isinstance(entry, dict) or entry.get("format") != _FORMAT:
            raise ModelFileError(
                f"{path.name} holds no training run that can go on. Files have one that a callback "
                "writes at the end of a batch or epoch of fit, ModelCheckpoint for instance. To "
                "train the model of another file, load_model it and leave resume away."
            )
        content = members.read(archive.WEIGHTS)
    with hdf5.WeightsReader(content, f"{path.name}: {archive.WEIGHTS}") as reader:
        return _state(entry, reader, path.name)


def _state(entry: dict[str, Any], reader: hdf5.WeightsReader, source: str) -> Any:
    try:
        places = dict(enumerate((path, name) for path, name in entry["arrays"]))
        if len(set(places.values())) < len(places):
            raise ModelFileError("two of its arrays are one")

        def array(number: int) -> Array:
            path, name = places.pop(number)
            return np.asarray(reader.group(path)[name])

        return unpacked(entry["state"], array)
    except Exception as error:
        raise ModelFileError(
            f"{source}: received a training run that cannot be read ({type(error).__name__}: "
            f"{error}). It is damaged, and nothing of it was used."
        ) from error
