"""Round clouds of points in the plane, one cloud a class: the smallest problem worth learning.

By default the two hundred points that minidl's binary network learns, bit for bit those of the
notebook it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minidl.datasets.sources import Pair

CENTERS = ((-2.0, -2.0), (2.0, 2.0))


def load_data(
    n: int = 100,
    n_test: int = 100,
    seed: int = 68329,
    centers: Sequence[Sequence[float]] = CENTERS,
) -> tuple[Pair, Pair]:
    """Draw `n` points around each center, with standard deviation 1 along every axis.

    The points of class 0 come first, then those of class 1, and so on: shuffle before taking a
    part. The test points are drawn after all training points, so `n_test` does not change those.

    Shapes:
        `x_train (classes * n, features)`, `y_train (classes * n, 1)`,
        `x_test (classes * n_test, features)`, `y_test (classes * n_test, 1)`.

    Arguments:
        n: training points a class (default 100).
        n_test: test points a class (default 100; 0 for none).
        seed: of NumPy's legacy generator, `RandomState` (default 68329, the notebook's).
        centers: one point `(features,)` a class (default (−2, −2) and (2, 2)).

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all float64; a label is its class's number.

    Raises:
        ValueError: if `n` is not a positive integer, `n_test` is not an integer from 0, `seed`
            is not an integer from 0 to 2³² − 1, or `centers` are not points of one length.

    Example:
        >>> from minidl.datasets import blobs
        >>> (x_train, y_train), (x_test, y_test) = blobs.load_data()
        >>> x_train.shape, y_train.shape, x_train[0].round(3).tolist()
        ((200, 2), (200, 1), [-1.907, -1.533])
    """
    _check_integer("n", n, 1, 2**31)
    _check_integer("n_test", n_test, 0, 2**31)
    _check_integer("seed", seed, 0, 2**32 - 1)
    try:
        points = np.asarray(centers, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or not points.size or not np.isfinite(points).all():
        raise ValueError(
            f"Received centers={centers!r}, expected one point a class, all of the same length "
            f"and finite, such as {CENTERS!r}."
        )
    random = np.random.RandomState(seed)
    return _draw(random, n, points), _draw(random, n_test, points)


def _draw(random: np.random.RandomState, n: int, centers: np.ndarray) -> Pair:
    x = np.vstack([random.randn(n, len(center)) + center for center in centers])
    y = np.repeat(np.arange(len(centers), dtype=np.float64), n).reshape(-1, 1)
    return x, y


def _check_integer(name: str, value: int, least: int, most: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise ValueError(f"Received {name}={value!r}, expected an integer from {least} to {most}.")
