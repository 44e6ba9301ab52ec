"""Objects by name: how `"relu"`, `"adam"` or a config dict becomes an object, and back.

Each family (activations, losses, ...) has one `Registry`. It is closed: a name that is not in it
is an error that says which name comes nearest, and nothing is ever imported by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from types import BuiltinFunctionType, FunctionType
from typing import Any, Generic, Self, TypeVar

import numpy as np

from minidl import registered

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


class Given:
    """The arguments that an object was made with, where its attributes may not tell them."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs


class Configurable:
    """An object that can tell the arguments it was made with and be made from them again.

    The arguments are read from the constructor's signature, and their values from the attributes
    of the same names. Where a class from outside this package keeps one under another name, or has
    made a layer of it, its value is the one that the constructor got. A class for which neither is
    right overrides `get_config`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make the object; one of a user's class remembers what it was made with."""
        if cls.__init__ is object.__init__ and (args or kwargs):
            raise TypeError(f"{cls.__name__}() takes no arguments")
        new = super().__new__(cls)
        if not is_built_in(cls):
            vars(new)["_given"] = Given(args, kwargs)
        return new

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as values that JSON can hold.

        Raises:
            TypeError: if an argument's value is not known.
        """
        config = {}
        for name in constructor_arguments(type(self)):
            value = self._argument(name)
            if isinstance(value, np.ndarray) and value.ndim and not is_built_in(type(self)):
                from minidl.saving.objects import array_entry

                config[name] = array_entry(value)  # a list would come back as a list
            else:
                config[name] = serialize(value)
        return config

    def _argument(self, name: str) -> Any:
        """Return the value of an argument of the constructor."""
        value = getattr(self, name, _MISSING)
        if "_given" in vars(self) and (value is _MISSING or _is_made_within(value)):
            return self._given_argument(name, value)
        if value is _MISSING:
            raise TypeError(_untold(type(self), name))
        return value

    def _given_argument(self, name: str, value: Any) -> Any:
        """Return what the constructor got, rather than what it made of it."""
        given: Given = vars(self)["_given"]
        parameters = constructor_signature(type(self)).parameters
        if name in parameters:
            bound = constructor_signature(type(self)).bind_partial(*given.args, **given.kwargs)
            bound.apply_defaults()
            if name in bound.arguments:
                return bound.arguments[name]
        elif name in given.kwargs:
            return given.kwargs[name]
        if value is _MISSING:
            raise TypeError(_untold(type(self), name))
        return value

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make an object from what `get_config` returned, here or in Keras.

        An argument that is None and that this class does not know is left out: so Keras writes
        down the features of its own that are switched off. A class from outside this package gets
        objects and arrays where its arguments were some, and not the name and switches that every
        layer has in Keras's file, if its constructor does not take them.
        """
        known = constructor_arguments(cls)
        arguments = {k: v for k, v in config.items() if v is not None or k in known}
        if not is_built_in(cls):
            from minidl.saving.objects import deserialize_arguments

            unasked = {"name", "trainable", "dtype"} - set(known)
            arguments = {k: v for k, v in arguments.items() if k not in unasked}
            arguments = deserialize_arguments(arguments)
        return cls(**arguments)


_MISSING: Any = object()


def _is_made_within(value: Any) -> bool:
    """Return whether a constructor is likely to have made this of its argument: it is a layer."""
    items = value if isinstance(value, list | tuple) else [value]
    return any(hasattr(item, "trainable_weights") for item in items)


def _untold(cls: type, name: str) -> str:
    return (
        f"{cls.__name__} takes the argument {name!r} but has no attribute of that name, so its "
        f"configuration cannot be told. Store it in __init__ (self.{name} = {name}) or override "
        "get_config()."
    )


def is_built_in(cls: type) -> bool:
    """Return whether a class is one of this package."""
    return cls.__module__.startswith("minidl.")


def constructor_signature(cls: Any) -> Any:
    """Return the signature of a class's constructor, without `self`."""
    return _signature(cls)


@cache
def _signature(cls: Any) -> Any:
    import inspect

    signature = inspect.signature(cls.__init__)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


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
        config = value.get_config()
        if not is_built_in(type(value)):  # whose own get_config may hold objects and arrays
            from minidl.saving.objects import serialize_keras_object

            config = serialize_keras_object(config)
        entry = {**names_of(type(value)), "config": config}
        extras = ["compile_config"] if is_built_in(type(value)) else _EXTRAS
        for extra in extras:
            told: Any = getattr(value, f"get_{extra}", dict)()
            if told:
                entry[extra] = serialize(told)
        registered.mark_shared(value, entry)
        return entry
    if isinstance(value, dict):
        return {key: serialize(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [serialize(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return function_entry(value)
    return value


_EXTRAS = ["build_config", "compile_config"]
"""Written beside a configuration, for whoever tells them; built-in layers know their shapes."""


def function_entry(function: Any) -> dict[str, Any]:
    """Return how a configuration names a plain function: nothing but its name is written down."""
    entry = {
        "module": "builtins",
        "class_name": "function",
        "config": registered.get_registered_name(function),
        "registered_name": "function",
    }
    registered.note(function, entry)
    return entry


def names_of(cls: type) -> dict[str, Any]:
    """Return the names by which a configuration knows a class.

    The configurations follow Keras's own format: a built-in class stands there under the module
    that Keras has it in, and a user's own under its registered name.
    """
    if not is_built_in(cls):
        return {
            "module": cls.__module__,
            "class_name": cls.__name__,
            "registered_name": registered.get_registered_name(cls),
        }
    known_as = vars(cls).get("keras_names")  # where Keras has it elsewhere or calls it otherwise
    if known_as is not None:
        return dict(known_as)
    module = f"keras.{cls.__module__.split('.')[1]}"
    if cls.__module__ == "minidl.optimizers.schedules":
        module = "keras.optimizers.schedules"
    return {"module": module, "class_name": cls.__name__, "registered_name": None}


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
            own = registered.find(identifier) if identifier not in self._factories else None
            return self._factory(identifier)() if own is None else self._made(own, {})
        if isinstance(identifier, dict) and "class_name" in identifier:
            return self._from_entry(identifier)
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return identifier()
        if self.from_function is not None and callable(identifier):
            return self.from_function(identifier)
        raise TypeError(
            f"Received {identifier!r} ({type(identifier).__name__}) as {self.kind}, expected a "
            f"name, a {self.base.__name__} or a {self.base.__name__} subclass. "
            f"Known names: {', '.join(self.names())}."
        )

    def _from_entry(self, entry: dict[str, Any]) -> T:
        """Return the object that an entry of a configuration describes."""
        kind, config = entry["class_name"], entry.get("config")
        if kind == "__lambda__":
            raise ValueError(
                f"The configuration has a lambda, that is code, as {self.kind}. Code from a file "
                "is never run. Make it again from a function with a name."
            )
        own = registered.find_for(entry)
        if kind == "function":
            if own is None and config not in self._factories:
                raise ValueError(
                    f"The {self.kind} {config!r} was a plain function, and a configuration holds "
                    f"only its name. Pass the function: custom_objects={{{config!r}: {config}}}; "
                    "or register it: @minidl.saving.register_keras_serializable()."
                )
            return self._made(self._factories[str(config)] if own is None else own, {})
        if not isinstance(config or {}, dict):
            raise ValueError(
                f"The configuration of the {self.kind} {kind!r} is a {type(config).__name__}, "
                "expected a dict of its arguments."
            )
        return self._made(self._factory(str(kind)) if own is None else own, config or {})

    def _made(self, factory: Any, config: dict[str, Any]) -> T:
        """Return what a class or a factory makes of a configuration, or a function is made into."""
        if not isinstance(factory, type) and factory not in self._factories.values():
            if self.from_function is None:
                raise TypeError(f"Received the function {factory!r} as {self.kind}.")
            return self.from_function(factory)
        made = factory.from_config(config) if hasattr(factory, "from_config") else factory(**config)
        if not isinstance(made, self.base):
            raise TypeError(
                f"{factory!r} is no {self.kind}: it makes a {type(made).__name__}, expected a "
                f"{self.base.__name__}."
            )
        return made

    def _factory(self, name: str) -> Callable[..., T]:
        if name not in self._factories:
            raise ValueError(
                f"Unknown {self.kind} {name!r}. {nearest(name, self.names())} One of your own is "
                f"made known by custom_objects={{{name!r}: ...}}, or by "
                "minidl.saving.register_keras_serializable()."
            )
        return self._factories[name]
