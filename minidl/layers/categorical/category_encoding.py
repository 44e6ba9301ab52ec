"""Categories that are integers already, as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, Residuals
from minidl.layers.categorical.encoding import (
    check_output_mode,
    encode,
    encoded_shape,
    one_array,
    refuse_sparse,
)
from minidl.layers.layer import Layer
from minidl.validation import positive_integer


class CategoryEncoding(Layer):
    """Turns integers from 0 to num_tokens − 1 into vectors.

    Forward, with x integers, w what they count (1 unless `count_weights` says otherwise):

        yᵢₖ = [xᵢ = k]                  output_mode "one_hot"
        yₖ = maxᵢ [xᵢ = k]              "multi_hot", over the last axis of x
        yₖ = Σᵢ wᵢ [xᵢ = k]             "count", over the last axis of x

    Backward: integers have no gradient; that of the weights picks the entries that they went to:

        dwᵢ = dy at xᵢ

    Shapes:
        x: (..., n); y: (..., num_tokens), for "one_hot" (..., n, num_tokens) unless n is 1.

    Arguments:
        num_tokens: the length of the vectors.
        output_mode: "multi_hot" (default), "one_hot" or "count".
        sparse: Keras's; only False.

    Raises:
        ValueError: if `num_tokens` is not a positive integer, the mode is not known, an integer is
            outside, or `count_weights` are given in another mode or have another shape.

    Example:
        >>> CategoryEncoding(4, output_mode="count")(np.array([[0, 1], [3, 3]]))
        array([[1., 1., 0., 0.],
               [0., 0., 0., 2.]], dtype=float32)
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_tokens is None:
            raise ValueError(
                f"{self.name}: received no num_tokens, expected the number of categories. Where "
                "it is not known, IntegerLookup finds it."
            )
        self.num_tokens = positive_integer("num_tokens", num_tokens, self.name)
        modes = ("one_hot", "multi_hot", "count")
        self.output_mode = check_output_mode(output_mode, modes, self.name)
        self.sparse = refuse_sparse(sparse, self.name)

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the integers, or a list of them and their weights."""
        if len(args) > 1:
            args, kwargs = args[:1], {**kwargs, "count_weights": args[1]}
        weights = kwargs.get("count_weights")
        options = {k: v for k, v in kwargs.items() if k != "count_weights"}
        inputs, options = super().pack_inputs(args, options)
        inputs = one_array(self, inputs)
        if weights is None:
            return inputs, options
        if self.output_mode != "count":
            raise ValueError(
                f"Layer {self.name!r} (CategoryEncoding) received count_weights with "
                f"output_mode={self.output_mode!r}, which has no use for them; expected 'count'."
            )
        return [inputs, weights], {**options, "weighted": True}

    def forward(
        self, x: Any, training: bool = False, weighted: bool = False
    ) -> tuple[Array, Residuals]:
        """Return y."""
        x, weights = x if weighted else (x, None)
        x = np.asarray(x)
        self._check(x, weights)
        indices = x.astype(np.int64, copy=False)
        y = encode(indices, self.output_mode, self.num_tokens, self.dtype, weights)
        return y, (indices, weights)

    def backward(self, residuals: Residuals, dy: Array) -> Any:
        """Return None for the integers, and dw for their weights."""
        indices, weights = residuals
        if weights is None:
            return None
        return [None, np.take_along_axis(dy, indices, axis=-1).astype(weights.dtype, copy=False)]

    def _check(self, x: Array, weights: Array | None) -> None:
        owner = f"Layer {self.name!r} (CategoryEncoding)"
        if x.size and (x.min() < 0 or x.max() >= self.num_tokens):
            raise ValueError(
                f"{owner} received numbers from {x.min()} to {x.max()}, expected integers from 0 "
                f"to num_tokens - 1 = {self.num_tokens - 1}. Raise num_tokens, or look the numbers "
                "up with IntegerLookup."
            )
        if x.dtype.kind == "f" and not (x == np.floor(x)).all():
            raise ValueError(f"{owner} received fractions, expected integers.")
        if weights is not None and weights.shape != x.shape:
            raise ValueError(
                f"{owner} received count_weights of shape {weights.shape} for an input of shape "
                f"{x.shape}, expected the same shape."
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of y."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        return encoded_shape(shape, self.output_mode, self.num_tokens)
