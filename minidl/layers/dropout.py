"""Dropout: in training, numbers are dropped at random, and the rest make up for them.

Every layer here draws from its own stream (`seed_generator`), in training alone. At inference it
is the identity and touches nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array, DType, Residuals, Shape
from minidl.layers.axes import check_data_format
from minidl.layers.dtypes import as_float, float_name
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.random import SeedGenerator
from minidl.validation import number


class RateLayer(Layer):
    """What the layers share that have a rate and a stream of random numbers."""

    supports_masking = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = number("rate", rate, self.name, low=0.0, high=1.0, open_high=True)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def _kept(self, shape: tuple[int, ...]) -> Array:
        """Return random booleans, False with probability `rate`."""
        # Numbers of 24 random bits cost half of float64's 53 and are as good for a threshold.
        return self.seed_generator.generator.random(shape, dtype=np.float32) >= self.rate

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def output_dtype(self, input_dtype: str) -> str:
        """Return the input's dtype, or the layer's own for integers."""
        return float_name(input_dtype, self.dtype)


class Dropout(RateLayer):
    """Sets numbers to zero at random in training, and scales the rest up.

    Forward in training, with r the rate and m independent draws, 0 with probability r, else 1:

        y = x m / (1 − r)

    so that y's expectation is x. At inference y = x. Backward, with the same m:

        dx = dy m / (1 − r)

    Shapes:
        x, y: any; m: x's shape, or `noise_shape`.

    Arguments:
        rate: the share of numbers to drop, from 0 to less than 1.
        noise_shape: the shape of m, the batch axis included: 1 where all places on an axis share
            a draw, None or the axis's size where each has its own.
        seed: a non-negative integer; None takes the next child of the root seed.

    Raises:
        ValueError: if `rate`, `noise_shape` or `seed` is not as above, or an input does not fit
            `noise_shape`.

    Example:
        >>> layer = Dropout(0.5, seed=1)
        >>> y = layer(np.ones((100, 100)), training=True)
        >>> np.unique(y), bool(0.45 < (y == 0).mean() < 0.55)
        (array([0., 2.]), True)
        >>> bool((layer(np.ones(3)) == 1).all())
        True

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to
    prevent neural networks from overfitting", 2014.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = _check_noise_shape(noise_shape, self.name)
        self.input_spec = _spec_of(self.noise_shape)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x m / (1 − r) in training, else x."""
        x = as_float(x, self.dtype)
        if not training or self.rate == 0:
            return x, None
        mask = self._kept(self._mask_shape(x.shape)).astype(x.dtype)
        mask *= 1 / (1 - self.rate)
        return x * mask, mask

    def backward(self, mask: Residuals, dy: Array) -> Array:
        """Return dy m / (1 − r)."""
        return dy if mask is None else dy * mask

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _filled(self.noise_shape, shape)


class SpatialDropout1D(Dropout):
    """Drops whole channels of sequences: neighbours in time are too alike to drop one by one.

    Forward and backward are those of `Dropout`, with one draw for all steps of a channel.

    Shapes:
        x, y: (batch, steps, channels); m: (batch, 1, channels).

    Arguments:
        rate: the share of channels to drop, from 0 to less than 1.
        seed, name, dtype: as in `Dropout` and `Layer`.

    Raises:
        ValueError: if `rate` or `seed` is not as above, or an input has another rank.

    Example:
        >>> y = SpatialDropout1D(0.5, seed=1)(np.ones((2, 5, 8)), training=True)
        >>> bool((y == y[:, :1]).all())
        True

    Source: Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient object localization using
    convolutional networks", 2015.
    """

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=3)

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], 1, shape[2])


class _SpatialDropoutND(Dropout):
    """What the two- and three-dimensional versions share: `data_format`."""

    _rank: int

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = check_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self._rank)

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        ones = (1,) * (self._rank - 2)
        if self.data_format == "channels_first":
            return (*shape[:2], *ones)
        return (shape[0], *ones, shape[-1])


class SpatialDropout2D(_SpatialDropoutND):
    """Drops whole channels of images.

    Forward and backward are those of `Dropout`, with one draw for all pixels of a channel.

    Shapes:
        x, y: (batch, height, width, channels), or (batch, channels, height, width);
        m: the same with height and width 1.

    Arguments:
        rate: the share of channels to drop, from 0 to less than 1.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        seed, name, dtype: as in `Dropout` and `Layer`.

    Raises:
        ValueError: if an argument is not as above, or an input has another rank.

    Example:
        >>> y = SpatialDropout2D(0.5, seed=1)(np.ones((2, 5, 5, 8)), training=True)
        >>> bool((y == y[:, :1, :1]).all())
        True

    Source: Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient object localization using
    convolutional networks", 2015.
    """

    _rank = 4


class SpatialDropout3D(_SpatialDropoutND):
    """Drops whole channels of volumes.

    Forward and backward are those of `Dropout`, with one draw for all voxels of a channel.

    Shapes:
        x, y: (batch, depth, height, width, channels), or (batch, channels, depth, height, width);
        m: the same with depth, height and width 1.

    Arguments:
        rate: the share of channels to drop, from 0 to less than 1.
        data_format: `"channels_last"` (default) or `"channels_first"`.
        seed, name, dtype: as in `Dropout` and `Layer`.

    Raises:
        ValueError: if an argument is not as above, or an input has another rank.

    Example:
        >>> y = SpatialDropout3D(0.5, seed=1)(np.ones((2, 3, 3, 3, 8)), training=True)
        >>> bool((y == y[:, :1, :1, :1]).all())
        True

    Source: Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient object localization using
    convolutional networks", 2015.
    """

    _rank = 5


class AlphaDropout(RateLayer):
    """Dropout for SELU networks: it keeps the mean at 0 and the variance at 1.

    Forward in training, with r the rate, m draws as in `Dropout`, and α' = −1.7581 the value that
    SELU tends to on the left:

        y = a (x m + α' (1 − m)) + b,    a = ((1 − r) (1 + r α'²))^(−1/2),    b = −a α' r

    At inference y = x. Backward, with the same m:

        dx = a m dy

    Shapes:
        x, y: any; m: x's shape, or `noise_shape`.

    Arguments:
        rate: the share of numbers to drop, from 0 to less than 1.
        noise_shape: the shape of m, as in `Dropout`.
        seed: a non-negative integer; None takes the next child of the root seed.

    Raises:
        ValueError: if an argument is not as above, or an input does not fit `noise_shape`.

    Example:
        >>> x = np.random.default_rng(0).standard_normal((300, 300))
        >>> y = AlphaDropout(0.2, seed=1)(x, training=True)
        >>> bool(abs(y.mean()) < 0.02), bool(abs(y.std() - 1) < 0.02)
        (True, True)

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = _check_noise_shape(noise_shape, self.name)
        self.input_spec = _spec_of(self.noise_shape)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return a (x m + α' (1 − m)) + b in training, else x."""
        x = as_float(x, self.dtype)
        if not training or self.rate == 0:
            return x, None
        a = ((1 - self.rate) * (1 + self.rate * _SELU_LIMIT**2)) ** -0.5
        b = -a * _SELU_LIMIT * self.rate
        kept = self._kept(_filled(self.noise_shape, x.shape))
        scaled_mask = kept * x.dtype.type(a)
        y = x * scaled_mask
        y += np.where(kept, x.dtype.type(b), x.dtype.type(a * _SELU_LIMIT + b))
        return y, scaled_mask

    def backward(self, scaled_mask: Residuals, dy: Array) -> Array:
        """Return a m dy."""
        return dy if scaled_mask is None else dy * scaled_mask


# −λ α of SELU, to the digits of the paper's appendix.
_SELU_LIMIT = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717


def _check_noise_shape(noise_shape: Any, owner: str) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    if isinstance(noise_shape, list | tuple):
        sizes = [size for size in noise_shape if size is not None]
        integers = all(isinstance(s, int | np.integer) and not isinstance(s, bool) for s in sizes)
        if integers and all(size > 0 for size in sizes):
            return tuple(None if size is None else int(size) for size in noise_shape)
    raise ValueError(
        f"{owner}: received noise_shape={noise_shape!r}, expected a tuple of positive integers "
        "and None, one for each axis, such as (None, 1, 64)."
    )


def _spec_of(noise_shape: tuple[int | None, ...] | None) -> InputSpec | None:
    """Return the spec of the inputs that a mask of `noise_shape` can be broadcast to."""
    if noise_shape is None:
        return None
    sizes = {i: size for i, size in enumerate(noise_shape) if size not in (None, 1)}
    return InputSpec(ndim=len(noise_shape), axes=sizes)


def _filled(noise_shape: tuple[int | None, ...] | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    if noise_shape is None:
        return shape
    return tuple(
        size if given is None else given for given, size in zip(noise_shape, shape, strict=True)
    )
