"""Any object of this package as what JSON can hold, in Keras's form, and back.

What an entry names is looked for among the user's own classes and functions and then in the closed
table of its family. Nothing is imported, opened, fetched or run because an entry says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import registered
from minidl._typing import Array
from minidl.registry import serialize


def serialize_keras_object(obj: Any) -> Any:
    """Return an object, function, array or nest of them as JSON can hold it.

    Example:
        >>> from minidl import regularizers
        >>> entry = serialize_keras_object(regularizers.L2(0.5))
        >>> entry["module"], entry["class_name"], entry["config"]
        ('keras.regularizers', 'L2', {'l2': 0.5})
    """
    if isinstance(obj, np.ndarray) and obj.ndim > 0:
        return array_entry(obj)
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [serialize_keras_object(item) for item in obj]
    return serialize(obj)


def array_entry(array: Array) -> dict[str, Any]:
    """Return the entry of an array."""
    return {
        "class_name": "__numpy__",
        "config": {"value": array.tolist(), "dtype": array.dtype.name},
    }


def deserialize_keras_object(
    config: Any,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
) -> Any:
    """Return the object for what `serialize_keras_object` returned, here or in Keras.

    Arguments:
        config: an entry, a plain value, or a list or dict of such.
        custom_objects: classes and functions of your own by name.
        safe_mode: as in Keras; code from a file is refused in either case.

    Raises:
        ValueError: if an entry names nothing that is known, or holds code.

    Example:
        >>> from minidl import regularizers
        >>> deserialize_keras_object(serialize_keras_object(regularizers.L2(0.5)))
        L2(l2=0.5)
    """
    with registered.CustomObjectScope(custom_objects):
        return _read(config)


def deserialize_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a user's class, with objects and arrays where entries were."""
    return {name: _read(value) for name, value in arguments.items()}


def is_entry(value: Any) -> bool:
    """Return whether a value of a configuration describes an object."""
    return isinstance(value, dict) and "class_name" in value and "config" in value


def _read(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not is_entry(value):
        return {key: _read(item) for key, item in value.items()}
    kind, config = value["class_name"], value["config"]
    if kind in _SPECIAL:
        return _SPECIAL[kind](config)
    shared = registered.shared_object(value)
    if shared is not None:
        return shared
    made = _made(value, kind, config)
    registered.keep_shared(value, made)
    return made


def _made(entry: dict[str, Any], kind: Any, config: Any) -> Any:
    """Return the object of an entry that is no special one."""
    own = registered.find_for(entry)
    if kind == "function":
        return _function(config) if own is None else own
    if own is not None and not isinstance(own, type):
        return own
    from minidl.layers.layer import Layer

    if isinstance(own, type) and not issubclass(own, Layer):
        make: Any = own.from_config  # type: ignore[attr-defined]
        return make(config)
    module = str(entry.get("module") or "")
    family = _family_of(module)
    if own is not None or family == "layers":
        from minidl.models.functional_config import layer_from_config

        return layer_from_config(entry)
    get = _families().get(family)
    if get is None or module.split(".")[0] != "keras":
        raise ValueError(
            f"The configuration names the class {kind!r} of the module {module!r}, which is none "
            "of this package's. If it is your own, pass it: "
            f"custom_objects={{{entry.get('registered_name') or kind!r}: {kind}}}; or register it: "
            "@minidl.saving.register_keras_serializable()."
        )
    return get(entry)


def _family_of(module: str) -> str:
    """Return the family that a module of Keras's belongs to, by the first name in it that is one.

    Keras lets slip modules of its own, as `keras.src.backend.torch.optimizers.torch_adam`.
    """
    steps = module.split(".")
    if steps == ["keras"] or {"layers", "models", "ops", "engine"} & set(steps):
        return "layers"
    if "schedules" in steps:
        return "optimizers.schedules"
    return next((step for step in steps if step in _families()), "")


def _families() -> dict[str, Callable[[Any], Any]]:
    from minidl import (
        activations,
        constraints,
        initializers,
        losses,
        metrics,
        optimizers,
        regularizers,
    )
    from minidl.optimizers import schedules
    from minidl.random import SeedGenerator

    return {
        "activations": activations.get,
        "constraints": constraints.get,
        "initializers": initializers.get,
        "losses": losses.get,
        "metrics": metrics.get,
        "optimizers": optimizers.get,
        "optimizers.schedules": schedules.deserialize,
        "random": lambda entry: SeedGenerator(entry["config"].get("seed")),
        "regularizers": regularizers.get,
    }


def built_in_function(name: Any) -> Any:
    """Return the activation or the loss of that name, or the name itself of a metric; or None."""
    from minidl import activations, losses, metrics

    for module in (activations, losses):
        found = vars(module).get(name)
        if name in module.registry.names() and callable(found) and not isinstance(found, type):
            return found
    return name if name in metrics.registry.names() else None


def _function(name: Any) -> Any:
    """Return the built-in function of that name."""
    found = built_in_function(name)
    if found is not None:
        return found
    raise ValueError(
        f"The configuration names the function {name!r}, which is not known. Pass it: "
        f"custom_objects={{{name!r}: ...}}; or register it: "
        "@minidl.saving.register_keras_serializable()."
    )


# Entries that are no objects


def _array(config: Any) -> Array:
    if np.dtype(config["dtype"]).kind not in "fiub":
        raise ValueError(f"The configuration has an array of dtype {config['dtype']!r}.")
    return np.asarray(config["value"], dtype=config["dtype"])


def _no_code(config: Any) -> Any:
    raise ValueError(
        "The configuration has a lambda, that is code. Code from a file is never run, with "
        "safe_mode=False neither. Save the model with a function that has a name, and register it."
    )


def _no_tensor(config: Any) -> Any:
    raise ValueError("The configuration has a symbolic tensor outside a model's calls.")


def _no_type_spec(config: Any) -> Any:
    raise ValueError("The configuration has a TensorFlow type, which means nothing here.")


_SPECIAL: dict[Any, Callable[[Any], Any]] = {
    "__numpy__": _array,
    "__tensor__": _array,
    "__tuple__": lambda config: tuple(_read(config)),
    "__bytes__": lambda config: str(config["value"]).encode("utf-8"),
    "__ellipsis__": lambda config: ...,
    "__slice__": lambda config: slice(*(_read(config[k]) for k in ("start", "stop", "step"))),
    "__lambda__": _no_code,
    "__keras_tensor__": _no_tensor,
    "__typespec__": _no_type_spec,
    "DTypePolicy": lambda config: config["name"],
    "DTypePolicyMap": _no_type_spec,
}
