"""Data in two parts, and the tuples `(x, y, sample_weight)` that `fit` takes from datasets."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.random import SeedGenerator


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Return the first and the last samples of arrays as two datasets of the same form.

    Keras returns `tf.data` or torch datasets. Here an array gives two arrays, a list or tuple of
    arrays two lists or tuples, a dict two dicts, all of which `fit` takes. Without `shuffle` they
    are views of the arrays: nothing is copied, and a memory map stays one.

    Arguments:
        dataset: an array, or a list, tuple or dict (of lists ...) of arrays of equal length.
        left_size: how much goes left: a fraction between 0 and 1 as a float, or a number of
            samples as an int; what `right_size` leaves by default.
        right_size: the same for the right part. Where both are given and do not make up the
            whole, the samples between them are left out.
        shuffle: whether to draw the samples of both parts at random.
        seed: of that draw; the next child of the root seed by default.
        preferred_backend: is Keras's, and has no effect.

    Raises:
        ValueError: if neither size is given, one is outside its range, a part would be empty, the
            parts are larger than the whole, or the arrays differ in length.
        TypeError: if a size is not a number, or `dataset` has something that is not an array.

    Example:
        >>> (x, y), (x_test, y_test) = split_dataset((np.arange(5), np.arange(5) * 2), 0.6)
        >>> x, y_test
        (array([0, 1, 2]), array([6, 8]))
    """
    arrays: list[Any] = []
    _collect(dataset, arrays)
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(
            f"split_dataset: received arrays of lengths {[len(array) for array in arrays]}, "
            "expected at least one array, and all of one length."
        )
    total = lengths.pop()
    left, right = _sizes(left_size, right_size, total)
    if shuffle:
        order = SeedGenerator(seed).generator.permutation(total)
        first: Any = order[:left]
        last: Any = order[total - right :]
    else:
        first, last = slice(0, left), slice(total - right, total)
    return _take(dataset, first), _take(dataset, last)


def _collect(dataset: Any, arrays: list[Any]) -> None:
    """Put every array of a structure into `arrays`."""
    if isinstance(dataset, dict):
        dataset = list(dataset.values())
    if isinstance(dataset, list | tuple):
        for item in dataset:
            _collect(item, arrays)
        return
    if not hasattr(dataset, "__array__") or np.ndim(dataset) == 0:
        raise TypeError(
            f"split_dataset: received {type(dataset).__name__}, expected an array or a list, tuple "
            "or dict of arrays. Make an array of a list of numbers: np.asarray(...)."
        )
    arrays.append(dataset)


def _take(dataset: Any, index: Any) -> Any:
    if isinstance(dataset, dict):
        return {key: _take(item, index) for key, item in dataset.items()}
    if isinstance(dataset, list | tuple):
        items = [_take(item, index) for item in dataset]
        if hasattr(dataset, "_fields"):  # a named tuple
            return type(dataset)(*items)
        return type(dataset)(items)
    if hasattr(dataset, "iloc"):  # a pandas frame or series keeps its columns
        return dataset.iloc[index]
    return dataset[index] if isinstance(dataset, np.ndarray) else np.asarray(dataset)[index]


def _sizes(left_size: Any, right_size: Any, total: int) -> tuple[int, int]:
    """Return both parts' numbers of samples."""
    if left_size is None and right_size is None:
        raise ValueError(
            "split_dataset: received neither left_size nor right_size, expected at least one, "
            "such as left_size=0.8."
        )
    left = _samples("left_size", left_size, total)
    right = _samples("right_size", right_size, total)
    both_fractions = isinstance(left_size, float) and isinstance(right_size, float)
    if right is None or (both_fractions and abs(left_size + right_size - 1) < 1e-9):
        assert left is not None
        right = total - left  # also where rounding both would make one sample too many
    if left is None:
        left = total - right
    if left + right > total:
        raise ValueError(
            f"split_dataset: received left_size={left_size} and right_size={right_size}, together "
            f"{left + right} of {total} samples. Make one of them smaller, or leave it out."
        )
    if left < 1 or right < 1:
        raise ValueError(
            f"split_dataset: left_size={left_size} and right_size={right_size} split {total} "
            f"samples into {left} and {right}, expected at least one on either side."
        )
    return left, right


def _samples(name: str, size: Any, total: int) -> int | None:
    if size is None:
        return None
    is_fraction = isinstance(size, float | np.floating)
    if isinstance(size, bool) or not (is_fraction or isinstance(size, int | np.integer)):
        raise TypeError(
            f"split_dataset: received {name}={size!r}, expected a fraction such as 0.8 or a number "
            "of samples such as 800."
        )
    if not 0 < size < (1 if is_fraction else total):
        raise ValueError(
            f"split_dataset: received {name}={size!r}, expected a float between 0 and 1 or an "
            f"integer from 1 to {total - 1}, as there are {total} samples."
        )
    return round(float(size) * total) if is_fraction else int(size)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` from a batch of a dataset; missing parts are None.

    Raises:
        ValueError: if `data` has no part, or more than three.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if not isinstance(data, list | tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"Received a batch of {len(data)} parts, expected x, (x,), (x, y) or "
            "(x, y, sample_weight)."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return a batch as `fit` takes it from datasets: `x`, `(x,)`, `(x, y)` or all three.

    Example:
        >>> pack_x_y_sample_weight(1, 2), pack_x_y_sample_weight(1)
        ((1, 2), 1)
    """
    if y is None:
        return (x,) if isinstance(x, list | tuple) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
