"""Functions of minidl's own, copied into a file that does without minidl.

A function is taken with everything that it refers to: other functions, small classes, constants.
Its text stays as it is, but for annotations, long docstrings and the names of modules.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from minidl.kernels import memory
from minidl.kernels import product as fast_product
from minidl.kernels.kernel import Kernel
from minidl.layers.pooling.windows import Windows as PoolWindows

Edit = tuple[int, int, str]
"""From which byte to which, and what stands there instead."""

_DROPPED_DECORATORS = {"kernel"}
_NAMES = {PoolWindows: "PoolWindows"}  # where two have one name


class Bundle:
    """What was copied so far, in an order in which everything follows what it needs.

    Attributes:
        imports: lines of import.
        texts: the copied sources by their name in the file.
    """

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.texts: dict[str, str] = {}
        self._names: dict[Any, str] = {}  # by the object; for constants by module and name

    def use(self, thing: Any) -> str:
        """Copy a function or class, unless it is there already; return its name in the file."""
        thing = _plain(thing)
        if thing not in self._names:
            name = self._free_name(_NAMES.get(thing, thing.__name__))
            self._names[thing] = name
            source = textwrap.dedent(inspect.getsource(thing))
            module = sys.modules[thing.__module__]
            self.texts[name] = self._copied(source, module, name)
        return self._names[thing]

    def _use_constant(self, module: ModuleType, name: str) -> str:
        key = (module.__name__, name)
        if key not in self._names:
            found = self._free_name(name)
            self._names[key] = found
            self.texts[found] = self._copied(_assignment(module, name), module, found)
        return self._names[key]

    def _free_name(self, name: str) -> str:
        taken = set(self._names.values())
        free, number = name, 2
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        return free

    def _copied(self, source: str, module: ModuleType, name: str) -> str:
        """Return a source in which everything outside it bears the name that it has in the file."""
        tree = ast.parse(source)
        encoded = source.encode()
        edits = [*_without_annotations(tree, encoded), *_short_docstrings(tree, encoded)]
        place = _Places(encoded)
        statement = tree.body[0]
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            start = encoded.index(statement.name.encode(), place.start(statement))
            edits.append((start, start + len(statement.name.encode()), name))
            edits += [
                (place.start(decorator) - 1, place.end(decorator) + 1, "")
                for decorator in statement.decorator_list
                if isinstance(decorator, ast.Name) and decorator.id in _DROPPED_DECORATORS
            ]
        elif isinstance(statement, ast.Assign):
            target = statement.targets[0]
            edits.append((place.start(target), place.end(target), name))
        for node, replaced in self._references(tree, module, name):
            edits.append((place.start(node), place.end(node), replaced))
        for start, end, text in sorted(edits, reverse=True):
            encoded = encoded[:start] + text.encode() + encoded[end:]
        return encoded.decode().rstrip() + "\n"

    def _references(
        self, tree: ast.Module, module: ModuleType, own: str
    ) -> Iterator[tuple[ast.expr, str]]:
        """Yield what refers to something outside, and how the file calls that."""
        bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _is_stored(n)}
        bound |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        if isinstance(tree.body[0], ast.Assign):
            bound = set()
        for node in _outside_annotations(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner: Any = vars(module).get(node.value.id)
                ours = isinstance(owner, ModuleType) and owner.__name__.startswith("minidl")
                if ours and node.value.id not in bound:
                    yield node, self._name_of(vars(owner)[node.attr], owner, node.attr)
            elif isinstance(node, ast.Name) and not _is_stored(node) and node.id not in bound:
                if node.id not in vars(module) or node.id in _DROPPED_DECORATORS:
                    continue  # a builtin, or what the file does without
                value = vars(module)[node.id]
                if isinstance(value, ModuleType) and value.__name__.startswith("minidl"):
                    continue  # its attribute is replaced
                yield node, self._name_of(value, module, node.id)

    def _name_of(self, value: Any, module: ModuleType, name: str) -> str:
        if value is memory.empty or value is np.empty:
            return "np.empty"
        if value is fast_product:
            from minidl.export.python import equations

            return self.use(equations.product)
        if isinstance(value, ModuleType):
            self.imports.add("import numpy as np" if value is np else f"import {value.__name__}")
            return name
        home = getattr(value, "__module__", None)
        if isinstance(value, Kernel) or (callable(value) and str(home).startswith("minidl")):
            return self.use(value)
        if callable(value) and home is not None:
            self.imports.add(f"from {home} import {name}")
            return name
        return self._use_constant(_home_of_constant(module, name), name)


def _plain(thing: Any) -> Any:
    return thing.reference if isinstance(thing, Kernel) else thing


def _home_of_constant(module: ModuleType, name: str) -> ModuleType:
    """Return the module in which a constant is assigned, which `module` may have it from."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ImportFrom) and any(_is_as(a, name) for a in node.names):
            return _home_of_constant(sys.modules[node.module or ""], name)
    return module


def _is_as(alias: ast.alias, name: str) -> bool:
    return (alias.asname or alias.name) == name


def _assignment(module: ModuleType, name: str) -> str:
    """Return the statement that gives a constant its value."""
    source = inspect.getsource(module)
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            if _is_named(node.targets[0], name):
                return ast.get_source_segment(source, node) or ""
            pairs = [(node.targets[0], node.value)]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
            for target, value in pairs:
                if _is_named(target, name):
                    return f"{name} = {ast.get_source_segment(source, value)}"
        if isinstance(node, ast.AnnAssign) and _is_named(node.target, name) and node.value:
            return f"{name} = {ast.get_source_segment(source, node.value)}"
    raise LookupError(f"{module.__name__} has no statement {name} = ....")


def _is_named(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


class _Places:
    """Where the nodes of a parsed source are, in bytes."""

    def __init__(self, source: bytes) -> None:
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def start(self, node: Any) -> int:
        return self._lines[node.lineno - 1] + int(node.col_offset)

    def end(self, node: Any) -> int:
        return self._lines[node.end_lineno - 1] + int(node.end_col_offset)


def _outside_annotations(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _outside_annotations(child)


def _without_annotations(tree: ast.Module, source: bytes) -> Iterator[Edit]:
    """Yield the edits that take annotations out of functions; a class's fields keep theirs."""
    place = _Places(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            positional = [*arguments.posonlyargs, *arguments.args]
            padding: list[Any] = [None] * (len(positional) - len(arguments.defaults))
            defaults = [*padding, *arguments.defaults, *arguments.kw_defaults]
            listed = [*positional, *arguments.kwonlyargs]
            for argument, default in zip(listed, defaults, strict=True):
                if argument.annotation is not None:
                    start = place.start(argument) + len(argument.arg.encode())
                    stop = place.end(argument) if default is None else place.start(default)
                    yield start, stop, "" if default is None else "="
            if node.returns is not None:
                arrow = source.rindex(b"->", 0, place.start(node.returns))
                yield arrow - 1, place.end(node.returns), ""
            for inner in ast.walk(node):
                if isinstance(inner, ast.AnnAssign) and inner.value is not None:
                    yield place.end(inner.target), place.start(inner.value), " = "


def _short_docstrings(tree: ast.Module, source: bytes) -> Iterator[Edit]:
    """Yield the edits that leave of each docstring its first sentence."""
    place = _Places(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            if text is not None:
                first = text.split("\n\n")[0]
                body = node.body[0]
                indented = first.replace("\n", "\n" + " " * body.col_offset)
                yield place.start(body), place.end(body), f'"""{indented}"""'
