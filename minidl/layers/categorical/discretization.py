"""Numbers into bins, whose boundaries are told or found as quantiles of data."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, DType, Residuals
from minidl.layers.categorical import quantiles
from minidl.layers.categorical.encoding import (
    check_output_mode,
    encode,
    encoded_shape,
    one_array,
    refuse_sparse,
)
from minidl.layers.layer import Layer
from minidl.validation import number


class Discretization(Layer):
    """Says of each number in which bin it lies.

    Forward, with boundaries b₁ < b₂ < ...:

        y = how many bₖ ≤ x

    as an integer, or encoded as by `CategoryEncoding`. Backward: y is constant but for jumps, so

        dx = 0

    Shapes:
        x: any; y: x's shape, or encoded with one more bin than there are boundaries.

    Arguments:
        bin_boundaries: the boundaries, in ascending order.
        num_bins: how many bins `adapt` shall make, of about equally many numbers each. One of both.
        epsilon: how exactly `adapt` finds the quantiles; 0.01 by default.
        output_mode: "int" (default), "one_hot", "multi_hot" or "count".
        sparse: Keras's; only False.

    Raises:
        ValueError: if both or neither of `bin_boundaries` and `num_bins` are given, an argument is
            not as above, or the layer computes before `adapt`.

    Example:
        >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])(np.array([-1.5, 1.0, 3.4, 0.5]))
        array([0, 2, 3, 1], dtype=int32)
        >>> layer = Discretization(num_bins=4)
        >>> layer.adapt(np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]))
        >>> layer(np.array([-1.5, 1.0, 3.4, 0.5]))
        array([0, 2, 3, 2], dtype=int32)
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: DType | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"{self.name}: received bin_boundaries={bin_boundaries!r} and "
                f"num_bins={num_bins!r}, expected one of them: the boundaries, or how many bins "
                "adapt(data) shall make."
            )
        valid = isinstance(num_bins, int | np.integer) and not isinstance(num_bins, bool)
        if num_bins is not None and (not valid or num_bins < 1):
            raise ValueError(
                f"{self.name}: received num_bins={num_bins!r}, expected a positive integer."
            )
        self.bin_boundaries = None if bin_boundaries is None else self._sorted(bin_boundaries)
        self.num_bins = num_bins
        self.epsilon = number("epsilon", epsilon, self.name, 0.0, 1.0, open_low=True)
        modes = ("int", "one_hot", "multi_hot", "count")
        self.output_mode = check_output_mode(output_mode, modes, self.name)
        self.sparse = refuse_sparse(sparse, self.name)

    def _sorted(self, boundaries: Any) -> list[float]:
        values = np.asarray(boundaries, np.float64)
        if values.ndim != 1 or not np.isfinite(values).all() or (np.diff(values) < 0).any():
            raise ValueError(
                f"{self.name}: received bin_boundaries={boundaries!r}, expected finite numbers in "
                "ascending order, such as [0.0, 1.0, 2.0]."
            )
        return values.tolist()

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find boundaries between `num_bins` bins; what an earlier call found is forgotten.

        Arguments:
            data: an array, or an iterable of arrays.
            steps: of an iterable, how many to read; all by default.

        Raises:
            ValueError: if the layer was made with `bin_boundaries`, or there are no numbers, or
                not only numbers, in the data.
        """
        if self.num_bins is None:
            raise ValueError(
                f"Layer {self.name!r} (Discretization) was made with bin_boundaries, so there is "
                "nothing to adapt. Make it with num_bins."
            )
        whole = hasattr(data, "__array__") or not hasattr(data, "__iter__")
        summary = np.zeros((2, 0), np.float32)
        for i, batch in enumerate([data] if whole else data):
            if steps is not None and i >= steps:
                break
            values = np.asarray(batch, np.float32)
            if np.isnan(values).any():
                raise ValueError(
                    f"Layer {self.name!r} (Discretization): adapt received NaN. Remove or fill "
                    "them in."
                )
            if values.size:
                part = quantiles.summarize(values, self.epsilon)
                summary = quantiles.merge(part, summary, self.epsilon)
        if not summary.size:
            raise ValueError(
                f"Layer {self.name!r} (Discretization): adapt received no numbers. A generator "
                "that was used before is empty."
            )
        self.bin_boundaries = quantiles.boundaries(summary, self.num_bins)

    def pack_inputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the one input, which may be a list, and further options."""
        inputs, options = super().pack_inputs(args, kwargs)
        return one_array(self, inputs), options

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return the bins."""
        if self.bin_boundaries is None:
            raise ValueError(
                f"Layer {self.name!r} (Discretization) has no boundaries yet. Call "
                "layer.adapt(data) first, or make it with bin_boundaries=[...]."
            )
        x = np.asarray(x)
        bins = np.digitize(x, np.asarray(self.bin_boundaries, self._compared_in(x)))
        if self.output_mode == "int":
            return np.asarray(bins, np.int32), x
        depth = len(self.bin_boundaries) + 1
        return encode(np.asarray(bins), self.output_mode, depth, self.dtype), x

    def backward(self, x: Residuals, dy: Array) -> Array | None:
        """Return zeros: between the boundaries nothing changes."""
        return np.zeros_like(x) if x.dtype.kind == "f" else None

    def _compared_in(self, x: Array) -> Any:
        """Return the dtype of the boundaries: the input's own, or else 0.1 would not equal 0.1."""
        return x.dtype if x.dtype.kind == "f" else np.float64

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape, or that of the encoding."""
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(input_shape, self.output_mode, depth)

    def output_dtype(self, input_dtype: str) -> str:
        """Return int32, or the layer's own for vectors."""
        return "int32" if self.output_mode == "int" else self.dtype

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, and the boundaries that `adapt` found."""
        names = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse", "name", "dtype")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Discretization:
        """Make a layer from a config; it may have boundaries that were found by `adapt`."""
        config = dict(config)
        found = config.pop("bin_boundaries", None) if config.get("num_bins") else None
        layer = cls(**config)
        if found is not None:
            layer.bin_boundaries = layer._sorted(found)
        return layer
