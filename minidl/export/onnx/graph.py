"""An ONNX graph while it grows: operators, constants and weights, each under a name of its own.

Nothing here needs the `onnx` package; `proto.py` turns a finished graph into a file.

    y = graph.op("Relu", graph.op("MatMul", x, graph.weight(kernel)))

Operators take and give names. What a layer takes is a `Value`: a name with its shape and dtype.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minidl._typing import Array, Shape

FLOAT = "float32"
"""The one floating type of an exported model: runtimes have few operators for others."""


@dataclass(frozen=True)
class Value:
    """What flows between layers: a name, and the shape (None for what varies) and dtype behind it.

    Arguments:
        name: the operator output that it is.
        shape: sizes with the batch axis.
        dtype: a dtype's name; floats are float32.
    """

    name: str
    shape: Shape
    dtype: str = FLOAT

    @property
    def ndim(self) -> int:
        """The number of axes, the batch axis included."""
        return len(self.shape)


@dataclass
class Operator:
    """One operator: its type, the names it reads and those it writes, and its attributes."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def reads(self) -> list[str]:
        """The names it reads, those within a loop's body included."""
        names = list(self.inputs)
        for body in self.attributes.values():
            if isinstance(body, Graph):
                names += [value.name for value in body.outputs]
                names += [name for operator in body.operators for name in operator.reads]
        return names


class Graph:
    """A list of operators that is appended to.

    Arguments:
        outer: the graph in whose operator this one is a body; its names and constants are shared.

    Attributes:
        operators: the operators, in an order in which they can run.
        constants: arrays by name; weights bear the paths of their parameters.
        scope: the layer being written, in front of the names of its operators.
        inputs, outputs: what goes in and comes out; of a body alone.
    """

    def __init__(self, outer: Graph | None = None) -> None:
        self.operators: list[Operator] = []
        self.constants: dict[str, Array] = {} if outer is None else outer.constants
        self.scope: str = "" if outer is None else outer.scope
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self._taken: set[str] = set() if outer is None else outer._taken
        self._transposed: dict[str, tuple[str, tuple[int, ...]]] = {}

    # Names

    def unique(self, name: str) -> str:
        """Return `name`, with a number behind it where it is taken, and take it."""
        candidate, number = name, 0
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate

    def input(self, name: str, shape: Shape, dtype: str = FLOAT) -> Value:
        """Return a value that enters the graph from outside."""
        value = Value(self.unique(name), shape, dtype)
        self.inputs.append(value)
        return value

    # Arrays

    def weight(self, parameter: Any, array: Array | None = None) -> str:
        """Return the name of a parameter's constant, the parameter's path.

        Arguments:
            parameter: whose name and, without `array`, whose value it is.
            array: the value in another order, if the operator wants another.
        """
        return self.array(parameter.path, parameter.value if array is None else array)

    def array(self, name: str, array: Any) -> str:
        """Return the name of a constant: `name`, unless another array has it."""
        array = np.asarray(array, order="C")
        if array.dtype.kind == "f":
            array = array.astype(FLOAT, copy=False)
        known = self.constants.get(name)
        if known is not None and known.dtype == array.dtype and np.array_equal(known, array):
            return name
        name = self.unique(name)
        self.constants[name] = array
        return name

    def number(self, value: float, dtype: str = FLOAT) -> str:
        """Return the name of a constant without axes."""
        return self.array(f"constant/{value:g}", np.asarray(value, dtype))

    def integers(self, *values: int) -> str:
        """Return the name of a list of integers, such as axes or sizes."""
        name = "integers/" + ",".join(map(str, values))
        return self.array(name, np.array(values, np.int64))

    # Operators

    def op(self, kind: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Append an operator and return the name of its output, or a list of names for several.

        Arguments:
            kind: ONNX's name of the operator.
            inputs: names, values or arrays; None for an optional input that is left out.
            outputs: how many outputs it has.
            attributes: ONNX's attributes; those that are None are left out.
        """
        names = [self._name(given) for given in inputs]
        while names and not names[-1]:
            names.pop()
        name = self.unique(f"{self.scope}/{kind}" if self.scope else kind)
        made = [name] + [self.unique(f"{name}:{i}") for i in range(1, outputs)]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.operators.append(Operator(kind, name, names, made, attributes))
        return made[0] if outputs == 1 else made

    def _name(self, given: Any) -> str:
        if given is None:
            return ""
        if isinstance(given, Value):
            return given.name
        if isinstance(given, str):
            return given
        return self.array(f"{self.scope}/constant", given)

    def body(self) -> Graph:
        """Return an empty graph for the body of a loop in this one."""
        return Graph(self)

    # Operators that are used all over

    def cast(self, value: Value, dtype: str) -> Value:
        """Return `value` in another dtype, or as it is."""
        if value.dtype == dtype:
            return value
        return Value(self.op("Cast", value, to=np.dtype(dtype)), value.shape, dtype)

    def as_float(self, value: Value) -> Value:
        """Return `value` as floats."""
        return self.cast(value, FLOAT)

    def transpose(self, x: Any, order: Any) -> str:
        """Return `x` with its axes in another order; an order and its inverse cancel."""
        name, order = self._name(x), tuple(order)
        if name in self._transposed:
            name, first = self._transposed[name]
            order = tuple(first[axis] for axis in order)
        if order == tuple(range(len(order))):
            return name
        made = self.op("Transpose", name, perm=list(order))
        self._transposed[made] = name, order
        return str(made)

    def before_transpose(self, x: Value) -> tuple[str, tuple[int, ...]]:
        """Return what x is a transpose of, and the order; x itself and its axes if it is none."""
        return self._transposed.get(x.name, (x.name, tuple(range(x.ndim))))

    def reshape(self, x: Any, *sizes: int) -> str:
        """Return `x` in another shape; 0 keeps the size that stands there, -1 is what is left."""
        return str(self.op("Reshape", x, self.integers(*sizes)))

    def sizes(self, x: Any, start: int = 0, end: int | None = None) -> str:
        """Return the sizes of x from axis `start` to `end`, known when the model runs."""
        return str(self.op("Shape", x, start=start or None, end=end))

    def reduce(self, kind: str, x: Any, axes: Any, keepdims: bool = True) -> str:
        """Return `Reduce<kind>` of x over some axes."""
        return str(self.op(f"Reduce{kind}", x, self.integers(*axes), keepdims=int(keepdims)))

    def slice(self, x: Any, axis: int, start: int, end: int, step: int = 1) -> str:
        """Return `x[start:end:step]` along an axis."""
        bounds = [self.integers(n) for n in (start, end, axis, step)]
        return str(self.op("Slice", x, *bounds))

    def reverse(self, x: Any, axis: int) -> str:
        """Return x backwards along an axis."""
        return self.slice(x, axis, -1, -(2**31), -1)

    def unsqueeze(self, x: Any, *axes: int) -> str:
        """Return x with axes of size 1."""
        return str(self.op("Unsqueeze", x, self.integers(*axes)))

    def squeeze(self, x: Any, *axes: int) -> str:
        """Return x without axes of size 1."""
        return str(self.op("Squeeze", x, self.integers(*axes)))

    # At the end

    def drop_unused(self, outputs: list[str]) -> None:
        """Drop operators and constants that no output hangs on, such as cancelled transposes."""
        used, kept = set(outputs), []
        for operator in reversed(self.operators):
            if used.intersection(operator.outputs):
                kept.append(operator)
                used.update(operator.reads)
        self.operators = kept[::-1]
        self.constants = {name: a for name, a in self.constants.items() if name in used}
