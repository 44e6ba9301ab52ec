"""What a layer's call leaves behind when it gets symbolic tensors instead of arrays.

x = Input((3,))          SymbolicTensor, made by no layer's arithmetic
y = Dense(2)(x)          Node: Dense, from [x] to [y]
Model(x, y)              follows the nodes back from y to x (models/graph.py)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidl._typing import Shape

if TYPE_CHECKING:
    from minidl.layers.layer import Layer


class SymbolicTensor:
    """A tensor of known shape and dtype that has no numbers yet.

    Arguments:
        shape: sizes, with None for what is not fixed; axis 0 is the batch.
        dtype: a dtype's name.
        name: for messages and for inputs given as a dict.

    Attributes:
        node: the call that makes this tensor.
        index: which of the call's outputs it is.
    """

    def __init__(self, shape: Shape, dtype: str, name: str) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.name = name
        self.node: Node
        self.index = 0

    @property
    def ndim(self) -> int:
        """The number of axes, the batch axis included."""
        return len(self.shape)

    def __add__(self, other: Any) -> SymbolicTensor:
        return _combine("Add", self, other, offset=other)

    def __mul__(self, other: Any) -> SymbolicTensor:
        return _combine("Multiply", self, other, scale=other)

    def __sub__(self, other: Any) -> SymbolicTensor:
        return self + -other if _is_number(other) else _combine("Subtract", self, other)

    def __neg__(self) -> SymbolicTensor:
        return self * -1.0

    def __rsub__(self, other: Any) -> SymbolicTensor:
        return -self + other

    def __truediv__(self, other: Any) -> SymbolicTensor:
        return self * (1.0 / other) if _is_number(other) else _combine("Divide", self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r} has no numbers yet, so NumPy cannot compute with it. Use a layer "
            "(layers.Add, layers.Rescaling, ...) while a model is being described, or call "
            "the finished model on arrays."
        )

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no numbers yet and cannot decide an `if`.")

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} has no numbers yet and cannot be iterated over.")

    def __repr__(self) -> str:
        return f"<SymbolicTensor {self.name} shape={self.shape} dtype={self.dtype}>"


class Node:
    """One call of one layer on symbolic tensors.

    Attributes:
        layer: the layer that was called.
        inputs: the symbolic tensors it got, in order.
        single: whether it got one tensor rather than a list.
        outputs: the symbolic tensors it gave, in order.
        single_output: whether it gave one tensor rather than a list.
        options: further keyword arguments of the call, such as `training=False`.
        masks: the symbolic masks that the caller gave, one for each input or None; else empty.
        arguments: the call's positional and keyword arguments, as its caller wrote them.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: list[SymbolicTensor],
        single: bool,
        outputs: list[SymbolicTensor],
        single_output: bool,
        options: dict[str, Any],
    ) -> None:
        self.layer = layer
        self.inputs = inputs
        self.single = single
        self.outputs = outputs
        self.single_output = single_output
        self.options = options
        self.masks: list[SymbolicTensor | None] = []
        self.arguments: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        layer.nodes.append(self)
        for index, tensor in enumerate(outputs):
            tensor.node, tensor.index = self, index

    @property
    def sources(self) -> list[SymbolicTensor]:
        """Every tensor that the call hangs on: the inputs and the given masks."""
        return self.inputs + [mask for mask in self.masks if mask is not None]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _combine(layer: str, left: SymbolicTensor, right: Any, **constant: Any) -> SymbolicTensor:
    """Return `left` combined with a tensor by a merging layer, or with a number by Rescaling.

    Raises:
        TypeError: if `right` is neither, or no layer does that.
    """
    from minidl import layers

    if constant and _is_number(right):
        dtype = left.dtype if left.dtype.startswith("float") else None
        return layers.Rescaling(**{"scale": 1.0, **constant}, dtype=dtype)(left)
    if isinstance(right, SymbolicTensor) and hasattr(layers, layer):
        return getattr(layers, layer)()([left, right])
    raise TypeError(
        f"{left!r} was to be combined ({layer.lower()}) with {type(right).__name__}. While a model "
        "is being described, +, - and * take tensors and numbers, and / takes a number; for "
        "anything else write a layer with forward and backward."
    )


def is_symbolic(value: Any) -> bool:
    """Return whether `value` is a symbolic tensor or a list, tuple or dict with one in it."""
    if isinstance(value, SymbolicTensor):
        return True
    if isinstance(value, list | tuple):
        return any(is_symbolic(item) for item in value)
    if isinstance(value, dict):
        return any(is_symbolic(item) for item in value.values())
    return False
