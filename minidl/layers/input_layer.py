"""The door of a model: a tensor that has a shape, a dtype and a name, and no numbers yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType, Residuals, Shape, ShapeLike
from minidl.layers.layer import Layer, dtype_name
from minidl.layers.symbolic import Node, SymbolicTensor
from minidl.validation import positive_integer

INPUT_DTYPES = (
    *("float32", "float64", "bool", "string"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


class InputLayer(Layer):
    """The layer behind an `Input`. Models are described with `Input`; this is its node.

    Forward: y = x. Backward: dx = dy.

    Shapes:
        x, y: `batch_shape`.

    Arguments:
        shape: the shape of one sample, as in `Input`.
        batch_size, dtype, sparse, ragged, batch_shape, optional, name: as in `Input`.
        input_tensor: only None.

    Attributes:
        output: the symbolic tensor.

    Raises:
        ValueError: as `Input`.

    Example:
        >>> InputLayer((28, 28), dtype="uint8", name="pixels").output
        <SymbolicTensor pixels shape=(None, 28, 28) dtype=uint8>
    """

    def __init__(
        self,
        shape: ShapeLike | None = None,
        batch_size: int | None = None,
        dtype: DType | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: ShapeLike | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if "batch_input_shape" in kwargs:  # as configurations of Keras 2 name it
            batch_shape = kwargs.pop("batch_input_shape")
        super().__init__(name=name, **kwargs)
        self._refuse("sparse", sparse, "Pass dense arrays.")
        self._refuse("ragged", ragged, "Pad the sequences to one length.")
        self._refuse("optional", optional, "Pass zeros where a value is missing.")
        self._refuse("tensor", input_tensor, "Call the layers on that tensor itself.")
        self.sparse = self.ragged = self.optional = False
        self.batch_shape = self._full_shape(shape, batch_size, batch_shape)
        # After Layer.__init__, which allows float types alone: labels and pixels are integers.
        self.dtype = _input_dtype(dtype, self.name)
        self.built = True
        tensor = SymbolicTensor(self.batch_shape, self.dtype, self.name)
        Node(self, [], True, [tensor], True, {})

    def _refuse(self, argument: str, value: Any, instead: str) -> None:
        if value is not None and value is not False:
            raise ValueError(
                f"Input {self.name!r}: received {argument}={value!r}, which minidl does not "
                f"support. {instead}"
            )

    def _full_shape(
        self, shape: ShapeLike | None, batch_size: int | None, batch_shape: ShapeLike | None
    ) -> Shape:
        if shape is not None and batch_shape is not None:
            raise ValueError(
                f"Input {self.name!r}: received both shape={shape} and batch_shape={batch_shape}, "
                "expected one of them: shape leaves the batch axis out."
            )
        if batch_size is not None and batch_shape is not None:
            raise ValueError(
                f"Input {self.name!r}: received both batch_size={batch_size} and "
                f"batch_shape={batch_shape}, expected one of them."
            )
        if shape is None and batch_shape is None:
            raise ValueError(
                f"Input {self.name!r}: received no shape, expected the shape of one sample, such "
                "as Input(shape=(784,)), or Input(shape=()) where a sample is a single number."
            )
        if shape is not None:
            if batch_size is not None:
                batch_size = positive_integer("batch_size", batch_size, f"Input {self.name!r}")
            return (batch_size, *self._sizes("shape", shape))
        full = self._sizes("batch_shape", batch_shape)
        if not full:
            raise ValueError(
                f"Input {self.name!r}: received batch_shape=(), expected a batch axis at least, "
                "such as (None, 784)."
            )
        return full

    def _sizes(self, argument: str, shape: Any) -> Shape:
        if isinstance(shape, list | tuple) and all(map(_is_size, shape)):
            return tuple(None if size is None else int(size) for size in shape)
        hint = f" Write ({shape},)." if isinstance(shape, int) else ""
        raise ValueError(
            f"Input {self.name!r}: received {argument}={shape!r}, expected a tuple of positive "
            f"integers, with None where a size is not fixed.{hint}"
        )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x."""
        return x, None

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return dy."""
        return dy

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype."""
        return input_dtype

    def get_config(self) -> dict[str, Any]:
        """Return what `InputLayer` can be made from again, with the keys that Keras uses."""
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(  # noqa: N802  (Keras's name: it reads like a class in a model's description)
    shape: ShapeLike | None = None,
    batch_size: int | None = None,
    dtype: DType | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: ShapeLike | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Return a symbolic tensor, from which a model is described.

    Arguments:
        shape: the shape of one sample, without the batch axis; None where a size is not fixed.
        batch_size: the size of the batch axis, where it is fixed.
        dtype: a float, integer or bool dtype, or "string" for layers that take text;
            `config.floatx()` by default. Integers reach the first layer as they are: images stay
            uint8 until Rescaling makes floats of them.
        batch_shape: the shape with the batch axis, in place of `shape` and `batch_size`.
        name: a unique name, by which a dict of inputs is matched; `"input_layer"`, ... by default.
        sparse, ragged, tensor, optional: Keras's; only their defaults are supported.

    Raises:
        ValueError: if no shape is given or two are, a size is not a positive integer or None, the
            dtype is not known, or an argument that is not supported is given.

    Example:
        >>> Input((28, 28), name="image")
        <SymbolicTensor image shape=(None, 28, 28) dtype=float32>
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.output


def _input_dtype(dtype: Any, name: str) -> str:
    dtype = dtype_name(dtype)
    if dtype is None:
        return config.floatx()
    try:
        found = np.dtype(dtype).name
    except TypeError:
        found = str(dtype)
    if found not in INPUT_DTYPES:
        raise ValueError(
            f"Input {name!r}: received dtype {found!r}, expected one of {', '.join(INPUT_DTYPES)}."
        )
    return found


def _is_size(size: Any) -> bool:
    integer = isinstance(size, int | np.integer) and not isinstance(size, bool)
    return size is None or (integer and size > 0)
