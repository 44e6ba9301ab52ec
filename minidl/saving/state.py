"""The variables of a model and its optimizers, gathered for a file and taken back from one.

Everything that a file has is compared with the model, shape by shape and before anything is
assigned: a model in memory is loaded into as a whole or not at all.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.layers.ownership import ParameterOwner
from minidl.layers.parameter import Parameter
from minidl.optimizers.state import OptimizerState
from minidl.saving import hdf5
from minidl.saving.errors import ModelFileError
from minidl.saving.layout import Part, parts

TRAINING_RUN = "training_run"
"""Where a file keeps what of a run is in none of the model's variables."""


def variables(root: Any) -> tuple[dict[str, dict[str, Array]], dict[str, str]]:
    """Return the variables of all parts of a layer or model, its optimizer too, and their names."""
    groups: dict[str, dict[str, Array]] = {}
    names: dict[str, str] = {}
    for path, owner in parts(root):
        store: dict[str, Any] = {}
        if not isinstance(owner, OptimizerState) or owner.built:
            owner.save_own_variables(store)
        if store:
            groups[path] = {key: np.asarray(value) for key, value in store.items()}
            names[path] = owner.name
    return groups, names


def weights_file(root: Any) -> bytes:
    """Return the HDF5 file of all variables of a layer or model, those of its optimizer too."""
    return hdf5.written(*variables(root))


def take_weights(
    root: Any, reader: hdf5.WeightsReader, source: str, skip_mismatch: bool = False
) -> None:
    """Give a layer or model, and its built optimizers, the variables that a file has.

    Arguments:
        root: a layer or model that is built.
        reader: the file.
        source: what the file is called in messages.
        skip_mismatch: whether parts that do not fit are left as they are, with a warning, rather
            than being an error.

    Raises:
        ModelFileError: if a part's variables in the file are not as many, or not of the shapes,
            or cannot be read; nothing is changed then.
    """
    found = parts(root)
    layers = [part for part in found if not isinstance(part.owner, OptimizerState)]
    texts = [(part, _misfit(part, reader.group(part.path))) for part in layers]
    misfits = [(part, text) for part, text in texts if text]
    if misfits and not skip_mismatch:
        raise ModelFileError(_explained(misfits, source, reader, layers))
    unfit = {part.path for part, _ in misfits}
    fitting = [part for part in layers if part.path not in unfit]
    by_themselves = [p for p in fitting if _has_its_own_way(p.owner)]
    pairs = [
        pair
        for part in fitting
        if part not in by_themselves
        for pair in _pairs(part.owner, reader.group(part.path))
    ]
    _assign(root, pairs, by_themselves, reader, source)
    for part in found:
        if isinstance(part.owner, OptimizerState) and part.owner.built:
            _take_optimizer(part, reader, source)
    if misfits:
        what = "; ".join(f"{part.owner.name!r} at {part.path}: {text}" for part, text in misfits)
        warnings.warn(f"{source}: left as they are: {what}.", stacklevel=4)


def _assign(
    root: ParameterOwner,
    pairs: list[tuple[Parameter, Array]],
    by_themselves: list[Part],
    reader: hdf5.WeightsReader,
    source: str,
) -> None:
    """Assign all arrays; let layers that load by a method of their own do so, or undo it all."""
    before = [(p, p.value.copy()) for p in root.weights] if by_themselves else []
    for path, owner in by_themselves:
        try:
            owner.load_own_variables(reader.group(path))
        except Exception as error:
            for parameter, value in before:
                parameter.assign(value)
            raise ModelFileError(
                f"{source}: the layer {owner.name!r} at {path} could not load its variables by its "
                f"own load_own_variables: {type(error).__name__}: {error}"
            ) from error
    with np.errstate(all="ignore"):  # a float64 too large for float32 is infinite there
        for parameter, array in pairs:
            parameter.assign(array)


def _has_its_own_way(owner: Any) -> bool:
    return type(owner).load_own_variables is not ParameterOwner.load_own_variables


def _pairs(owner: ParameterOwner, group: Mapping[str, Array]) -> list[tuple[Parameter, Array]]:
    return [(p, group[str(i)]) for i, p in enumerate(owner.own_variables())]


def _misfit(part: Part, group: hdf5.Group) -> str | None:
    """Return what is wrong with a part's variables in the file, or None."""
    owner = part.owner
    if _has_its_own_way(owner):
        return None
    own = owner.own_variables()
    expected = {str(i): p for i, p in enumerate(own)}
    if set(group) != set(expected):
        unbuilt = "" if owner.built else " (it is not built yet)"
        return (
            f"{len(group)} variables in the file, expected {len(own)}{unbuilt}: "
            f"{[(p.name, p.shape) for p in own]}"
        )
    wrong = [
        f"{p.name} has the shape {group.shape(key)} in the file, expected {p.shape}"
        for key, p in expected.items()
        if group.shape(key) != p.shape
    ]
    return ", ".join(wrong) or None


def _explained(
    misfits: list[tuple[Part, str]], source: str, reader: hdf5.WeightsReader, layers: list[Part]
) -> str:
    (path, owner), what = misfits[0]
    lines = [
        f"{source} does not fit the model: layer {owner.name!r} ({type(owner).__name__}) at "
        f"{path or 'the root'} has {what}."
    ]
    if len(misfits) > 1:
        lines.append(f"So have {[part.owner.name for part, _ in misfits[1:]]}.")
    strangers = set(reader.paths()) - {part.path for part in layers} - {"optimizer", TRAINING_RUN}
    if strangers:
        lines.append(f"The file also has {sorted(strangers)[:10]}, which the model does not have.")
    lines.append(
        "Nothing has been loaded. Make the model as it was when the file was written, or pass "
        "skip_mismatch=True to load_weights."
    )
    return " ".join(lines)


def _take_optimizer(part: Part, reader: hdf5.WeightsReader, source: str) -> None:
    """Give an optimizer its state where the file has all of it; else it starts anew."""
    group = reader.group(part.path)
    own = part.owner.variables
    if len(group) == 0:
        return
    fits = set(group) == {str(i) for i in range(len(own))} and all(
        group.shape(str(i)) == array.shape for i, array in enumerate(own)
    )
    if not fits:
        warnings.warn(
            f"{source} has {len(group)} variables for the optimizer {part.owner.name!r}, expected "
            f"{len(own)}, and of the shapes of the weights that are trained. The optimizer's state "
            "is left as it is.",
            stacklevel=5,
        )
        return
    part.owner.load_own_variables(group)
