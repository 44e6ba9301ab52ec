"""What is looked at before a model is written: could this be read again?

Better a refusal today, with the fix in the message, than a file that does not load tomorrow.
"""

from __future__ import annotations

import json
from typing import Any

from minidl import random, registered
from minidl.layers import naming
from minidl.registry import Configurable, is_built_in, serialize
from minidl.saving.errors import NotSavableError
from minidl.saving.objects import built_in_function, is_entry

_proven: set[tuple[type, str]] = set()  # what has been made again before, by class and arguments


def checked_config(model: Any) -> dict[str, Any]:
    """Return a model's entry, of plain values that JSON can hold.

    Raises:
        NotSavableError: if something in it cannot be written down, or could not be made again of
            what is written.
    """
    with registered.sharing():
        try:
            entry = serialize(model)
        except (TypeError, ValueError, NotImplementedError, RecursionError) as error:
            raise NotSavableError(f"Model {model.name!r} cannot be saved: {error}") from error
        objects = registered.written_objects()
    _check_values(entry, model.name, [])
    own = [(o, e) for o, e in objects if isinstance(o, Configurable) and not is_built_in(type(o))]
    known = {registered.get_registered_name(type(obj)): type(obj) for obj, _ in own}
    known |= {e["config"]: o for o, e in objects if not isinstance(o, Configurable)}
    for name, function in known.items():
        stands_for = built_in_function(name) if not isinstance(function, type) else None
        if stands_for is not None and stands_for is not function:
            raise NotSavableError(
                f"Model {model.name!r} cannot be saved: its function {name!r} bears the name of a "
                "built-in one, which would be read in its place. Rename it, or register it with "
                "@minidl.saving.register_keras_serializable()."
            )
    with registered.CustomObjectScope(known):
        for obj, own_entry in own:
            _check_made_again(obj, own_entry)
    return entry


def _check_values(value: Any, model: str, path: list[str]) -> None:
    """See that all is plain, and that no function is without a name."""
    if isinstance(value, dict):
        if value.get("class_name") == "function" and "<" in str(value.get("config")):
            raise NotSavableError(
                f"Model {model!r} cannot be saved: {_where(path)} is a lambda, and code is never "
                "written down, for whoever opens the file would run it. Write the function with "
                "def, and register it with @minidl.saving.register_keras_serializable()."
            )
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotSavableError(
                    f"Model {model!r} cannot be saved: {_where(path)} is a dict with the key "
                    f"{key!r}, and would come back with {str(key)!r}. Use strings as keys."
                )
            _check_values(item, model, [*path, key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_values(item, model, [*path, _label(item) or str(index)])
    elif not (value is None or isinstance(value, str | int | float)):
        raise NotSavableError(
            f"Model {model!r} cannot be saved: {_where(path)} is a {type(value).__name__}, which "
            "JSON cannot hold. Override get_config() to write it as numbers, strings, lists and "
            "dicts, and from_config() to make it again."
        )


def _label(item: Any) -> str | None:
    """Return what an entry in a list is called in messages."""
    if not is_entry(item):
        return None
    config = item["config"]
    name = config.get("name") if isinstance(config, dict) else None
    return f"{name!r} ({item['class_name']})" if name else str(item["class_name"])


def _where(path: list[str]) -> str:
    return " → ".join(step for step in path if step not in ("config", "layers")) or "it"


def _check_made_again(obj: Configurable, entry: dict[str, Any]) -> None:
    """Make an object of a user's class of its configuration once, for trial."""
    cls = type(obj)
    text = json.dumps(entry["config"], sort_keys=True)
    if (cls, text) in _proven:
        return
    what = f"{cls.__name__} {getattr(obj, 'name', '')!r}"
    fix = (
        "Store every argument of __init__ in an attribute of its name, or override get_config() "
        "and from_config(), so that from_config(get_config()) makes the same object."
    )
    with random.untouched(), naming.untouched():
        try:
            again = cls.from_config(json.loads(text))
            written = serialize(again)["config"]
        except Exception as error:
            raise NotSavableError(
                f"{what} cannot be saved: made again of its configuration "
                f"{_short(entry['config'])} it fails with {type(error).__name__}: {error}. {fix}"
            ) from error
    if cls.get_config in _INFERRED and _plain(written) != _plain(entry["config"]):
        changed = [k for k in written if _plain(written[k]) != _plain(entry["config"].get(k))]
        raise NotSavableError(
            f"{what} cannot be saved: made again of its configuration it has other arguments: "
            + ", ".join(
                f"{key}={_short(written[key])} for {_short(entry['config'].get(key))}"
                for key in changed
            )
            + f". {fix}"
        )
    _proven.add((cls, text))


def _inferred() -> tuple[Any, ...]:
    from minidl.layers.layer import Layer

    return (Configurable.get_config, Layer.get_config)


_INFERRED = _inferred()


def _plain(value: Any) -> Any:
    """Return a configuration without what two objects alike may differ in."""
    if isinstance(value, dict):
        drop = ("shared_object_id", "build_config")
        return {key: _plain(item) for key, item in value.items() if key not in drop}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
