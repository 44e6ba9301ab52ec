"""The layer that turns indices into vectors: a table with a row for each word.

Backward scatters what forward gathered. A row that was looked up twice gets the sum of both.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minidl import constraints, initializers, regularizers
from minidl._typing import Array, Residuals, Shape
from minidl.layers.layer import Layer
from minidl.layers.mask_operations import not_equal
from minidl.validation import positive_integer

SCATTERED_AT_ONCE = 1 << 18  # numbers; their places take two megabytes


class Embedding(Layer):
    """Turns non-negative indices into vectors of a learned table.

    Forward, for an index xₙ at each place n:

        yₙ = E[xₙ]

    Backward, for each row v of the table; an index has no gradient:

        dE[v] = Σₙ dyₙ over the n with xₙ = v

    With `mask_zero`, index 0 stands for padding: the output has the mask x ≠ 0.

    Shapes:
        x: integers (batch, ...); y: (batch, ..., output_dim);
        embeddings E: (input_dim, output_dim).

    Arguments:
        input_dim: the size of the vocabulary, the largest index plus 1.
        output_dim: the size of a vector.
        embeddings_initializer: how E starts, uniform from −0.05 to 0.05 by default.
        embeddings_regularizer: a penalty on E.
        embeddings_constraint: applied to E after each update.
        mask_zero: whether index 0 is padding; layers behind it then get a mask, and the vocabulary
            needs an index more.
        weights: what E starts as, in place of the initializer.

    Raises:
        ValueError: if a size is not a positive integer, `weights` have another shape, or an input
            is not an integer from 0 to `input_dim` − 1.

    Example:
        >>> layer = Embedding(5, 2, weights=np.arange(10.0).reshape(5, 2))
        >>> layer(np.array([[1, 4]]))
        array([[[2., 3.],
                [8., 9.]]], dtype=float32)

    Source: Bengio, Ducharme, Vincent, Jauvin, "A neural probabilistic language model", 2003.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("input_length", None) is not None:
            warnings.warn(
                "Embedding no longer needs input_length, and ignores it. Drop it.", stacklevel=2
            )
        super().__init__(**kwargs)
        self.input_dim = positive_integer("input_dim", input_dim, self.name)
        self.output_dim = positive_integer("output_dim", output_dim, self.name)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self.supports_masking = self.makes_mask = self.mask_zero
        self.autocast = False  # a large index is no float32
        if weights is not None:
            self._start_with(weights)

    def _start_with(self, weights: Any) -> None:
        is_list = isinstance(weights, list) and len(weights) == 1
        table = np.asarray(weights[0] if is_list else weights)
        if table.shape != (self.input_dim, self.output_dim):
            raise ValueError(
                f"Layer {self.name!r} (Embedding) received weights of shape {table.shape}, "
                f"expected (input_dim, output_dim) = {(self.input_dim, self.output_dim)}."
            )
        self.build(None)
        self.embeddings.assign(table)

    def build(self, input_shape: Shape | None = None) -> None:
        """Create the table; the input's shape does not matter."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return the rows of E at the indices x."""
        indices = self._checked(x)
        return np.take(self.embeddings.value, indices, axis=0, mode="clip"), indices

    def backward(self, indices: Residuals, dy: Array, need_dx: bool = True) -> None:
        """Assign dE; indices have no gradient."""
        if self.embeddings.trainable:
            scatter_rows(indices.reshape(-1), dy.reshape(-1, self.output_dim), self.embeddings.grad)

    def _checked(self, x: Array) -> Array:
        """Return the indices as integers; the layer's name stands in the error if one is wrong."""
        indices = x
        if x.dtype.kind not in "iu":
            with np.errstate(invalid="ignore"):
                indices = x.astype(np.int64)
            if x.dtype.kind != "b" and not np.array_equal(indices, x):
                wrong = x[indices != x].flat[0]
                raise ValueError(
                    f"Layer {self.name!r} (Embedding) received {wrong}, expected whole numbers: "
                    "the index of a row of the table. Encode the data as integers first."
                )
        if indices.size and not (indices.min() >= 0 and indices.max() < self.input_dim):
            self._refuse(indices)
        return indices

    def _refuse(self, indices: Array) -> None:
        low, high = int(indices.min()), int(indices.max())
        worst = low if -low > high - self.input_dim + 1 else high
        place = tuple(int(i) for i in np.argwhere(indices == worst)[0])
        fix = (
            "Padding and unknown words need indices of their own from 0 on."
            if worst < 0
            else f"Make the vocabulary larger (input_dim={worst + 1}), or map rare words to one "
            "index."
        )
        raise ValueError(
            f"Layer {self.name!r} (Embedding) received the index {worst} at {list(place)} of an "
            f"input of shape {indices.shape}, expected 0 to {self.input_dim - 1} "
            f"(input_dim={self.input_dim}). {fix}"
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where the index is not 0, with `mask_zero`; else None."""
        return not_equal(inputs, 0) if self.mask_zero else None

    @property
    def input_dtype(self) -> str:
        """The dtype of an input that is made for this layer."""
        return "int32"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, ..., output_dim)."""
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; the table itself is a weight and no part of the configuration."""
        config = super().get_config()
        del config["weights"]
        return config


def scatter_rows(indices: Array, rows: Array, out: Array) -> None:
    """Assign to each row of `out` the sum of the `rows` that have its index.

    `np.add.at` is quick on one axis alone, so every number gets a place of its own; in parts, for
    the places take more room than the numbers.
    """
    out[...] = 0
    flat, width = out.reshape(-1), out.shape[1]
    column = np.arange(width)
    part = max(1, SCATTERED_AT_ONCE // width)
    for start in range(0, len(indices), part):
        stop = start + part
        places = indices[start:stop, np.newaxis].astype(np.intp) * width + column
        np.add.at(flat, places.reshape(-1), rows[start:stop].reshape(-1))
