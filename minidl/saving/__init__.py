"""Files: what is written to disk is whole or is not there, and what is read is not trusted.

registration        minidl/registered.py: what a user's own classes are called in files
objects             any object as what JSON can hold, and back
keras_file          .keras and .weights.h5, whole models and weights
checks              what is looked at before a model is written
archive, hdf5       the two containers, read with suspicion
layout, state       where a part's variables stand, and how they are taken back
paths               what a model's file may be called
atomic              files that are replaced whole
state_file          the state of an interrupted run, for callbacks.BackupAndRestore
training_run        the same in a .keras file, for fit(resume=...)
"""

from typing import TYPE_CHECKING, Any

from minidl.registered import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from minidl.saving.errors import ModelFileError, NotSavableError
from minidl.saving.objects import deserialize_keras_object, serialize_keras_object

if TYPE_CHECKING:
    from minidl.saving.keras_file import (
        load_model,
        load_weights,
        model_from_json,
        save_model,
        save_weights,
        to_json,
    )

__all__ = [
    "CustomObjectScope",
    "ModelFileError",
    "NotSavableError",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
    "to_json",
]


def __getattr__(name: str) -> Any:
    # Models use this package, and it uses them: what makes whole models comes when it is asked for.
    if name in __all__:
        from minidl.saving import keras_file

        return getattr(keras_file, name)
    raise AttributeError(f"module 'minidl.saving' has no attribute {name!r}")
