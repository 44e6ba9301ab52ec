"""Objects by name: how `"relu"`, `"adam"` or a config dict becomes an object, and back.

Each family (activations, losses, ...) has one `Registry`. It is closed: a name that is not in it
is an error that says which name comes nearest, and nothing is ever imported by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

import numpy as np

T = TypeVar("T")


def snake_case(name: str) -> str:
    """Return a class name in snake case, as Keras does.

    >>> snake_case("BatchNormalization"), snake_case("ReLU"), snake_case("L1L2")
    ('batch_normalization', 're_lu', 'l1l2')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def nearest(name: str, known: list[str]) -> str:
    """Return the sentence that helps with an unknown name: the nearest one, and all of them."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    lower = {k.lower(): k for k in known}
    if not close and name.lower() in lower:
        close = [lower[name.lower()]]
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(sorted(known))}."


class Configurable:
    """An object that can tell the arguments it was made with and be made from them again.

    The arguments are read from the constructor's signature, and their values from the attributes
    of the same names. A class that stores an argument under another name overrides `get_config`.
    """

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as values that JSON can hold."""
        config = {}
        for name in constructor_arguments(type(self)):
            try:
                value = getattr(self, name)
            except AttributeError:
                raise TypeError(
                    f"{type(self).__name__} takes the argument {name!r} but has no attribute of "
                    f"that name, so its configuration cannot be told. Store it in __init__ "
                    f"(self.{name} = {name}) or override get_config()."
                ) from None
            config[name] = serialize(value)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make an object from what `get_config` returned, here or in Keras.

        An argument that is None and that this class does not know is left out: so Keras writes
        down the features of its own that are switched off.
        """
        known = constructor_arguments(cls)
        return cls(**{k: v for k, v in config.items() if v is not None or k in known})


def constructor_arguments(cls: type) -> list[str]:
    """Return the names of a class's constructor arguments; `**kwargs` stands for its base's."""
    import inspect

    names: list[str] = []
    for owner in cls.__mro__:
        if "__init__" not in vars(owner) or owner is object:
            continue
        constructor: Any = vars(owner)["__init__"]
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names += [p.name for p in parameters if p.kind in keyword and p.name not in names]
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return names


def serialize(value: Any) -> Any:
    """Return `value` as JSON can hold it: objects become `{"class_name", "config", ...}`."""
    if isinstance(value, Configurable):
        to_name = getattr(value, "serialized_name", None)
        if to_name is not None and (name := to_name()) is not None:
            return name
        return {
            "module": module_of(type(value)),
            "class_name": type(value).__name__,
            "config": value.get_config(),
            "registered_name": None,
        }
    if isinstance(value, dict):
        return {key: serialize(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [serialize(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, np.dtype):
        return value.name
    return value


def module_of(cls: type) -> str:
    """Return the public module that a saved configuration names: `keras.<family>`.

    The configurations follow Keras's own format, so a built-in class stands there under the name
    that Keras knows it by. Classes from elsewhere keep their own module's name.
    """
    parts = cls.__module__.split(".")
    return f"keras.{parts[1]}" if parts[0] == "minidl" and len(parts) > 1 else cls.__module__


class Registry(Generic[T]):
    """The closed table of one family of classes, and the way from an identifier to an object.

    Arguments:
        kind: what the family is called in messages, such as `"optimizer"`.
        base: the class that all members derive from.
        from_function: makes a member from a plain function, where the family allows it.
    """

    def __init__(
        self,
        kind: str,
        base: type[T],
        from_function: Callable[[Callable[..., Any]], T] | None = None,
    ) -> None:
        self.kind = kind
        self.base = base
        self.from_function = from_function
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, cls: type[T], *names: str) -> None:
        """Make `cls` known by its class name, its snake-case name and `names`."""
        for name in (cls.__name__, snake_case(cls.__name__), *names):
            self._factories[name] = cls

    def register_factory(self, factory: Callable[..., T], *names: str) -> None:
        """Make `names` stand for what `factory(**config)` makes."""
        for name in names:
            self._factories[name] = factory

    def names(self) -> list[str]:
        """Return every name that `get` takes."""
        return sorted(self._factories)

    def classes(self) -> list[type[T]]:
        """Return every registered class once, by name."""
        found = {f for f in self._factories.values() if isinstance(f, type)}
        return sorted(found, key=lambda c: c.__name__)

    def get(self, identifier: Any) -> T | None:
        """Return the object for a name, a class, a config, a function or an object.

        `None` gives `None`.

        Raises:
            ValueError: if a name is not known; the message has the nearest one.
            TypeError: if `identifier` is of no such kind.
        """
        if identifier is None or isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, str):
            return self._factory(identifier)()
        if isinstance(identifier, dict) and "class_name" in identifier:
            factory = self._factory(identifier["class_name"])
            config = identifier.get("config") or {}
            return (
                factory.from_config(config)
                if hasattr(factory, "from_config")
                else factory(**config)
            )
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return identifier()
        if self.from_function is not None and callable(identifier):
            return self.from_function(identifier)
        raise TypeError(
            f"Received {identifier!r} ({type(identifier).__name__}) as {self.kind}, expected a "
            f"name, a {self.base.__name__} or a {self.base.__name__} subclass. "
            f"Known names: {', '.join(self.names())}."
        )

    def _factory(self, name: str) -> Callable[..., T]:
        if name not in self._factories:
            raise ValueError(f"Unknown {self.kind} {name!r}. {nearest(name, self.names())}")
        return self._factories[name]
