"""Standardisation of features by statistics of the data, told or found with `adapt`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, Residuals, Shape
from minidl.layers.axes import along, check_axes, known_sizes, other_axes, resolve_axes
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.layers.running_moments import RunningMoments
from minidl.registry import serialize

_CHUNK_NUMBERS = 1 << 20  # read at a time from large arrays: 8 MB in float64


class Normalization(Layer):
    """Shifts and scales each feature to mean 0 and variance 1, by statistics of the data.

    Forward, in the layer's own dtype, with ε = `config.epsilon()`:

        s = max(√variance, ε)
        y = (x − mean) / s              or, with `invert`, y = mean + x s

    Backward:

        dx = dy / s                     or, with `invert`, dx = dy s

    The statistics are no parameters: no optimizer changes them.

    Shapes:
        x, y: (batch, ...); mean and variance: the sizes of `axis`.

    Arguments:
        axis: the axis or axes that keep their own statistics, -1 by default: one mean for each
            feature. None: one mean for all numbers.
        mean, variance: the statistics, where they are known; both or neither. A number, or an
            array that broadcasts to the sizes of `axis`.
        invert: whether to go the other way, back to the data's units.

    Raises:
        ValueError: if only one of mean and variance is given, they differ in shape, a variance is
            negative, the input has no such axis, or the layer computes before `adapt`.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[0.0, 10.0], [2.0, 30.0]]))
        >>> layer(np.array([[0.0, 20.0]]))
        array([[-1.,  0.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if axis is None or (isinstance(axis, list | tuple) and not axis):
            self.axis: tuple[int, ...] = ()
        else:
            checked = check_axes(axis, self.name)
            self.axis = (checked,) if isinstance(checked, int) else tuple(checked)
        self.invert = invert
        self.input_mean = mean
        self.input_variance = variance
        self._check_given()

    def _check_given(self) -> None:
        mean, variance = self.input_mean, self.input_variance
        if (mean is None) != (variance is None):
            raise ValueError(
                f"{self.name}: received mean={mean!r} and variance={variance!r}, expected both or "
                "neither. Without them, layer.adapt(data) finds them."
            )
        if mean is None:
            return
        if np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(self.axis):
            raise ValueError(
                f"{self.name}: received mean of shape {np.shape(mean)} and variance of shape "
                f"{np.shape(variance)} for axis={self.axis}, expected the same shape, with at most "
                f"{len(self.axis)} axes."
            )
        if not np.isfinite(mean).all() or not np.all(np.asarray(variance) >= 0):
            raise ValueError(
                f"{self.name}: received mean={mean!r} and variance={variance!r}, expected finite "
                "numbers, and no negative variance."
            )

    def build(self, input_shape: Shape) -> None:
        """Create the statistics for inputs of `input_shape`."""
        owner = f"Layer {self.name!r} (Normalization)"
        self._kept = resolve_axes(self.axis, input_shape, owner)
        sizes = known_sizes(self._kept, input_shape, owner)
        if 0 in self._kept:
            raise ValueError(
                f"{owner}: axis={self.axis} of an input of shape {input_shape} is the batch axis, "
                "expected an axis of the features. Use axis=None for one mean of all numbers, or "
                "give the data a feature axis: data[:, np.newaxis]."
            )
        rank = len(input_shape)
        self.input_spec = InputSpec(ndim=rank, axes=dict(zip(self._kept, sizes, strict=True)))
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int64", trainable=False, name="count")
        else:
            self._given_mean = self._broadcast_given("mean", self.input_mean, sizes)
            self._given_variance = self._broadcast_given("variance", self.input_variance, sizes)

    def _broadcast_given(self, argument: str, given: Any, sizes: tuple[int, ...]) -> Array:
        try:
            return np.array(np.broadcast_to(np.asarray(given, dtype=self.dtype), sizes))
        except ValueError:
            raise ValueError(
                f"Layer {self.name!r} (Normalization): {argument} of shape {np.shape(given)} does "
                f"not broadcast to {sizes}, the sizes of axis={self.axis}."
            ) from None

    @property
    def mean(self) -> Array | None:
        """The mean, ready to broadcast to an input; None before `build`."""
        return self._statistic("mean")

    @property
    def variance(self) -> Array | None:
        """The variance, ready to broadcast to an input; None before `build`."""
        return self._statistic("variance")

    def _statistic(self, which: str) -> Any:
        if self.input_spec is None or self.input_spec.ndim is None:
            return None
        own = self.input_mean is None
        values = getattr(self, f"adapt_{which}").value if own else getattr(self, f"_given_{which}")
        return along(values, self._kept, self.input_spec.ndim)

    def adapt(self, data: Any) -> None:
        """Find mean and variance of `data`; what an earlier call found is forgotten.

        Sums are float64. An array is read in pieces of some megabytes, so a memory-mapped file of
        any size will do.

        Arguments:
            data: an array, anything with `__array__` (a pandas frame), or batches: a list or
                generator of arrays, or of tuples that begin with one, or a `PyDataset`.

        Raises:
            ValueError: if mean and variance were given to the constructor, the data are empty,
                hold NaN or infinity, or have another shape than at `build`.
            TypeError: if `data` is none of the above, or does not hold numbers.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Layer {self.name!r} (Normalization) was made with mean and variance, so there is "
                "nothing to adapt. Make it without them."
            )
        moments: RunningMoments | None = None
        for batch in _chunks(data, self.name):
            self.ensure_built((None, *batch.shape[1:]))
            assert self.input_spec is not None
            if complaint := self.input_spec.complaint(batch.shape):
                raise ValueError(
                    f"Layer {self.name!r} (Normalization): adapt received data of shape "
                    f"{batch.shape}: {complaint}."
                )
            moments = moments or RunningMoments(other_axes(self._kept, batch.ndim))
            moments.update(batch)
        if moments is None or moments.count == 0:
            raise ValueError(
                f"Layer {self.name!r} (Normalization): adapt received no data, expected at least "
                "one sample. A generator that was used before is empty."
            )
        bad = ~(np.isfinite(moments.mean) & np.isfinite(moments.variance))
        if bad.any():
            raise ValueError(
                f"Layer {self.name!r} (Normalization): adapt received data with NaN, infinity or "
                f"numbers too large to square, first at {_first(bad)} of the axes {self._kept}. "
                "Remove or fill them in."
            )
        self.adapt_mean.assign(moments.mean)
        self.adapt_variance.assign(moments.variance)
        self.count.assign(moments.count)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return (x − mean) / s, or mean + x s."""
        self._check_adapted()
        mean = self._statistic("mean")
        s = np.maximum(np.sqrt(self._statistic("variance")), config.epsilon())
        if self.invert:
            y = np.multiply(x, s, dtype=self.dtype)
            y += mean
        else:
            y = np.subtract(x, mean, dtype=self.dtype)
            y /= s
        return y, s

    def backward(self, s: Residuals, dy: Array) -> Array:
        """Return dy / s, or dy s."""
        return dy * s if self.invert else dy / s

    def _check_adapted(self) -> None:
        # Statistics that were loaded rather than found come without a count (Keras writes 0).
        if self.input_mean is not None or self.count.value > 0:
            return
        if not self.adapt_mean.value.any() and (self.adapt_variance.value == 1).all():
            raise ValueError(
                f"Layer {self.name!r} (Normalization) has no statistics yet. Call "
                "layer.adapt(training_data) first, or make it with mean=... and variance=...."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; `mean` and `variance` as they were given."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return {**super().get_config(), **{key: serialize(v) for key, v in given.items()}}


def _chunks(data: Any, owner: str) -> Iterator[Array]:
    """Yield `data` in arrays of bounded size, batch axis first."""
    if isinstance(data, np.ndarray) or hasattr(data, "__array__"):
        array = data if isinstance(data, np.ndarray) else np.asarray(data)
        _check_numbers(array, owner)
        rows = max(1, _CHUNK_NUMBERS // max(1, array[:1].size))
        for start in range(0, len(array), rows):
            yield array[start : start + rows]
        return
    for batch in _batches(data, owner):
        x = batch[0] if isinstance(batch, tuple) else batch
        if not hasattr(x, "shape"):
            raise TypeError(
                f"{owner}: adapt received {type(data).__name__} of {type(x).__name__}, expected an "
                "array or batches that are arrays. Pass np.asarray(data)."
            )
        yield from _chunks(np.asarray(x), owner)


def _batches(data: Any, owner: str) -> Iterable[Any]:
    if hasattr(data, "__iter__"):
        return data
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):  # a PyDataset
        return (data[i] for i in range(len(data)))
    raise TypeError(
        f"{owner}: adapt received {type(data).__name__}, expected an array, or batches: a list, a "
        "generator or a PyDataset."
    )


def _check_numbers(array: Array, owner: str) -> None:
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise TypeError(
            f"{owner}: adapt received an array of dtype {array.dtype} and shape {array.shape}, "
            "expected numbers with a batch axis."
        )


def _first(bad: Array) -> list[int]:
    return [int(i) for i in np.argwhere(bad)[0]]
