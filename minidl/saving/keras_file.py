"""`.keras` files: a model with its weights, its compiled state and its optimizer's, in one file.

save_model   model ─► configuration, checked ─► variables ─► one file, written as a whole
load_model   file, looked through ─► model from configuration ─► variables, all or none
"""

from __future__ import annotations

import json
import os
import warnings
from typing import Any, BinaryIO

from minidl import registered
from minidl.layers import limits
from minidl.saving import archive, hdf5, state, training_run
from minidl.saving.atomic import atomic_write
from minidl.saving.checks import checked_config
from minidl.saving.errors import ModelFileError
from minidl.saving.paths import checked_path, existing_path

KERAS_VERSION = "3.15.1"
"""The version of Keras whose format is written."""

SPARE_NUMBERS = 2**22
"""How many numbers a model may have beyond those in its file, for what is not saved."""


def save_model(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None
) -> None:
    """Write a model to a `.keras` file, which minidl and Keras 3 can load.

    It holds the configuration, the weights, and of a compiled model optimizer, loss, metrics and
    the optimizer's state. Written at the end of a batch or an epoch of `fit`, by a
    `ModelCheckpoint` or another callback, it also holds how far the run is and what else
    `fit(resume=filepath)` needs to go on with the same bytes; Keras reads past that. The file
    appears as a whole or not at all; an older one survives a failure at any moment.

    Arguments:
        model: the model.
        filepath: a path that ends in `.keras`.
        overwrite: False makes a file that is there already an error.
        zipped: as in Keras; only True, the default, is there.

    Warns:
        UserWarning: if the model is not built, and has no weights to save.

    Raises:
        ValueError: if the path ends otherwise.
        FileExistsError: if the file is there and `overwrite` is False.
        NotSavableError: if the model could not be loaded again; the message says what to change.
        OSError: if the folder is not there or cannot be written to.
        ImportError: if h5py is not installed.

    Example:
        >>> import tempfile
        >>> from minidl import Input, Sequential, layers
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_model(model, f"{folder}/model.keras")
        ...     load_model(f"{folder}/model.keras").count_params()
        15
    """
    path = checked_path(filepath, ".keras", "save_model", overwrite)
    if not model.built:
        warnings.warn(
            f"Model {model.name!r} is not built yet, so its file will have no weights. Call it on "
            "data first, or build(input_shape).",
            stacklevel=3,
        )
    if zipped is False:
        raise ValueError("save_model: received zipped=False; models are written as one file.")
    content = archive.written(model_members(model))
    with atomic_write(path) as file:
        file.write(content)


def model_members(model: Any) -> dict[str, bytes]:
    """Return the members of a model's `.keras` file by name."""
    config = checked_config(model)
    metadata: dict[str, Any] = {"keras_version": KERAS_VERSION, "written_by": "minidl"}
    groups, names = state.variables(model)
    if model.training_run is not None and model.training_run.can_go_on:
        metadata |= training_run.add_run(model.training_run, groups)
    return {
        archive.METADATA: json.dumps(metadata).encode(),
        archive.CONFIG: json.dumps(config).encode(),
        archive.WEIGHTS: hdf5.written(groups, names),
    }


def load_model(
    filepath: str | os.PathLike[str] | BinaryIO,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model that a `.keras` file holds, written by minidl or by Keras 3.

    A file can name built-in classes and what you have registered or pass here, and nothing else.
    No code in it is run, no other file is read, and no size is believed that the file's own does
    not bear out.

    Arguments:
        filepath: the file's path, or a file opened for reading bytes.
        custom_objects: your own classes and functions, by the names that the file has for them.
        compile: whether to compile the model as it was, with the optimizer's state.
        safe_mode: as in Keras. False changes nothing: code from a file is never run.

    Raises:
        ModelFileError: if the file is none of this kind, is damaged or unsafe, names a class that
            is not known, or has weights that do not fit the model.
        FileNotFoundError: if there is no such file.
        ImportError: if h5py is not installed.
    """
    if hasattr(filepath, "read"):
        return _load(filepath, "the file", custom_objects, compile)  # type: ignore[arg-type]
    path = existing_path(filepath, (".keras",), "load_model")
    with open(path, "rb") as file:
        return _load(file, path.name, custom_objects, compile)


def _load(file: BinaryIO, source: str, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    members = archive.Archive(file, source)
    config = members.read_json(archive.CONFIG)
    with hdf5.WeightsReader(
        members.read(archive.WEIGHTS), f"{source}: {archive.WEIGHTS}"
    ) as reader:
        with registered.CustomObjectScope(custom_objects):
            model = model_from(config, source, compile, reader.numbers + SPARE_NUMBERS)
        state.take_weights(model, reader, source)
    _take_assets(model, members)
    return model


def model_from(config: Any, source: str, compile: bool, numbers: int | None) -> Any:
    """Return the model of a configuration from a file, with fresh weights.

    Arguments:
        config: the model's entry.
        source: what the file is called in messages.
        compile: whether to compile it.
        numbers: how many numbers its weights may have together; None for any.

    Raises:
        ModelFileError: if the configuration is not one of a model.
    """
    from minidl.models.functional_config import layer_from_config
    from minidl.models.model import Model

    try:
        with registered.sharing(), limits.weights_limited_to(numbers):
            made = layer_from_config(config, compile=compile)
    except ModelFileError:
        raise
    except (Exception, RecursionError) as error:
        raise ModelFileError(f"{source}: {_reason(error)}") from error
    if not isinstance(made, Model):
        raise ModelFileError(
            f"{source} holds a {type(made).__name__}, expected a model. To make a single layer of "
            "its configuration use minidl.saving.deserialize_keras_object."
        )
    return made


def _reason(error: BaseException) -> str:
    if isinstance(error, ValueError | TypeError):
        return str(error)
    if isinstance(error, KeyError):
        return f"the configuration has no {error}."
    return f"the model cannot be made of the configuration: {type(error).__name__}: {error}"


def _take_assets(model: Any, members: archive.Archive) -> None:
    """Give lookup layers the vocabularies that Keras keeps beside the configuration."""
    from minidl.saving.layout import parts

    for path, owner in parts(model):
        load = getattr(owner, "load_vocabulary_asset", None)
        name = f"{archive.ASSETS}{path}/vocabulary.txt"
        if load is not None and name in members.names():
            try:
                load(members.read(name, archive.MAX_CONFIG).decode("utf-8"))
            except ValueError as error:
                raise ModelFileError(f"{members.source}: {name}: {error}") from error


# Weights alone


def save_weights(layer: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write the weights of a model or layer, and the optimizer's state, to a `.weights.h5` file.

    Arguments:
        layer: a model or layer that is built.
        filepath: a path that ends in `.weights.h5`.
        overwrite: False makes a file that is there already an error.

    Raises:
        ValueError: if the path ends otherwise, or there are no weights yet.
        FileExistsError: if the file is there and `overwrite` is False.
        OSError: if the folder is not there or cannot be written to.
        ImportError: if h5py is not installed.
    """
    path = checked_path(filepath, ".weights.h5", "save_weights", overwrite)
    _require_built(layer, "save_weights")
    content = state.weights_file(layer)
    with atomic_write(path) as file:
        file.write(content)


def load_weights(layer: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Give a model or layer the weights of a `.weights.h5` or `.keras` file.

    An optimizer that is built takes its state too, where the file has it.

    Arguments:
        layer: a model or layer that is built.
        filepath: the file.
        skip_mismatch: whether layers that do not fit are left as they are, with a warning.

    Raises:
        ModelFileError: if the file is damaged or unsafe, or its weights do not fit. Nothing has
            been changed then.
        ValueError: if there are no weights yet to load into, or the path ends otherwise.
        FileNotFoundError: if there is no such file.
    """
    path = existing_path(filepath, (".weights.h5", ".keras"), "load_weights")
    _require_built(layer, "load_weights")
    with open(path, "rb") as file:
        if path.name.endswith(".keras"):
            content = archive.Archive(file, path.name).read(archive.WEIGHTS)
        else:
            content = file.read()
    with hdf5.WeightsReader(content, path.name) as reader:
        state.take_weights(layer, reader, path.name, skip_mismatch)


def _require_built(layer: Any, method: str) -> None:
    if not layer.built:
        raise ValueError(
            f"{method}: {type(layer).__name__} {layer.name!r} is not built yet, so it has no "
            "weights. Call it on data first, or build(input_shape)."
        )


# JSON


def to_json(model: Any, **options: Any) -> str:
    """Return a model's configuration as JSON.

    Arguments:
        model: the model.
        **options: go to `json.dumps`.
    """
    return json.dumps(checked_config(model), **options)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return a model with fresh weights from what `to_json` returned, here or in Keras.

    Arguments:
        json_string: the JSON.
        custom_objects: your own classes and functions, by the names that it has for them.

    Raises:
        ModelFileError: if it is not a model's configuration, or names a class that is not known.
    """
    config = archive.parsed(json_string, "model_from_json")
    with registered.CustomObjectScope(custom_objects):
        return model_from(config, "model_from_json", True, None)
