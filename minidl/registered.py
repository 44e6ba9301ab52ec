"""What a user's own classes and functions are called in files: registered for good, or in a scope.

A file holds names, never code. `register_keras_serializable` makes one known for the process,
`custom_object_scope` for a while; what neither names is looked for among the built-in classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}
_scopes: ContextVar[tuple[dict[str, Any], ...]] = ContextVar("custom_object_scopes", default=())


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """Return a decorator that makes a class or a function known to files as `package>name`.

    Arguments:
        package: a prefix that keeps apart classes of the same name.
        name: the class's or function's own by default.

    Raises:
        ValueError: if a class has no `get_config`, or something else bears the name already.

    Example:
        >>> from minidl import layers
        >>> @register_keras_serializable(package="shop")
        ... class Twice(layers.Layer):
        ...     def call(self, x):
        ...         return 2 * x
        >>> get_registered_name(Twice)
        'shop>Twice'
    """

    def register(thing: Any) -> Any:
        own = name if name is not None else thing.__name__
        known_as = f"{package}>{own}" if package else own
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(
                f"{thing.__name__} has no get_config, so it cannot be written down. Derive it from "
                "a class of minidl, or write get_config(self) and a classmethod from_config."
            )
        other = _registered.get(known_as, thing)
        # A module that is loaded again defines its classes anew; only a stranger is refused.
        if (other.__module__, other.__qualname__) != (thing.__module__, thing.__qualname__):
            raise ValueError(
                f"The name {known_as!r} belongs to {other!r} and cannot be given to {thing!r}. "
                "Register it with another package= or name=."
            )
        _registered[known_as] = thing
        _names[thing] = known_as
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """Return the name that files use for a class or function: its own if it is not registered."""
    own = getattr(obj, "__name__", f"<{type(obj).__name__}>")
    try:
        return _names.get(obj, own)
    except TypeError:  # not hashable, so not registered
        return own


def get_registered_object(
    name: str,
    custom_objects: dict[str, Any] | None = None,
    module_objects: dict[str, Any] | None = None,
) -> Any:
    """Return what is known by `name` in the scopes, for the process or in the dicts; or None."""
    for known in (*reversed(_scopes.get()), _registered, custom_objects or {}):
        if name in known:
            return known[name]
    return (module_objects or {}).get(name)


def get_custom_objects() -> dict[str, Any]:
    """Return the dict itself of what is registered for the process."""
    return _registered


class CustomObjectScope:
    """Makes classes and functions known by name within a `with` block.

    Arguments:
        custom_objects: the classes and functions by name.

    Raises:
        TypeError: if it is no dict.

    Example:
        >>> class Twice:
        ...     pass
        >>> with CustomObjectScope({"Twice": Twice}):
        ...     get_registered_object("Twice") is Twice
        True
    """

    def __init__(self, custom_objects: dict[str, Any] | None) -> None:
        if custom_objects is not None and not isinstance(custom_objects, dict):
            raise TypeError(
                f"Received custom_objects={custom_objects!r}, expected a dict of classes and "
                "functions by name, such as {'MyLayer': MyLayer}."
            )
        self.custom_objects = custom_objects or {}

    def __enter__(self) -> CustomObjectScope:
        self._token = _scopes.set((*_scopes.get(), self.custom_objects))
        return self

    def __exit__(self, *error: Any) -> None:
        _scopes.reset(self._token)


custom_object_scope = CustomObjectScope


def find(*names: Any) -> Any:
    """Return the first of the user's own classes and functions by one of these names, or None."""
    for name in names:
        if isinstance(name, str) and (found := get_registered_object(name)) is not None:
            return found
    return None


def find_for(entry: dict[str, Any]) -> Any:
    """Return the user's own class or function that an entry of a configuration names, or None."""
    if entry.get("class_name") == "function":
        return find(entry.get("config"))
    return find(entry.get("registered_name"), entry.get("class_name"))


# Objects that stand in several places of a configuration

_written: ContextVar[dict[int, tuple[Any, dict[str, Any]]] | None] = ContextVar(
    "written", default=None
)
_read: ContextVar[dict[Any, Any] | None] = ContextVar("read", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Within the block, one object in several places is written, and read, as one."""
    written, read = _written.set({}), _read.set({})
    try:
        yield
    finally:
        _written.reset(written)
        _read.reset(read)


def note(function: Any, entry: dict[str, Any]) -> None:
    """Remember a function that is written."""
    written = _written.get()
    if written is not None:
        written.setdefault(id(function), (function, entry))


def mark_shared(obj: Any, entry: dict[str, Any]) -> None:
    """Give the entries of an object that is written twice the same `shared_object_id`."""
    written = _written.get()
    if written is None:
        return
    if id(obj) not in written:
        written[id(obj)] = (obj, entry)  # the object itself, so that its id stays its own
        return
    first = written[id(obj)][1]
    number = first.setdefault("shared_object_id", 1 + list(written).index(id(obj)))
    entry["shared_object_id"] = number


def written_objects() -> list[tuple[Any, dict[str, Any]]]:
    """Return what has been written within the block, each with its entry."""
    return list((_written.get() or {}).values())


def shared_object(entry: dict[str, Any]) -> Any:
    """Return the object that an entry with this `shared_object_id` has become, or None."""
    return (_read.get() or {}).get(entry.get("shared_object_id"))


def keep_shared(entry: dict[str, Any], obj: Any) -> None:
    """Remember what an entry with a `shared_object_id` has become."""
    read = _read.get()
    number = entry.get("shared_object_id")
    if read is not None and isinstance(number, int | str):
        read[number] = obj
