"""Numbers as one writes them on paper: four digits, and of a long array its corners.

Whatever is left out is said to be left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minidl._typing import Array

ROWS, COLUMNS = 6, 8  # the largest matrix that is written out


def number(value: Any) -> str:
    """Return a number in four digits; truth values and integers as they are.

    >>> number(0.123456), number(-2.0), number(np.float32(1e-9)), number(np.int64(7))
    ('0.1235', '-2', '1e-09', '7')
    """
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, int | np.integer):
        return str(value)
    if isinstance(value, str | bytes):
        return repr(value)
    text = f"{float(value):.4g}"
    return "0" if text == "-0" else text


def factor(value: Any) -> str:
    """Return a number as it stands within a product: in brackets if it is negative.

    >>> factor(0.5), factor(-0.5)
    ('0.5', '(-0.5)')
    """
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def shape(array: Any) -> str:
    """Return the shape of an array, or of each in a list.

    >>> shape(np.ones((2, 3))), shape([np.ones(1), np.ones(2)])
    ('(2, 3)', '(1,), (2,)')
    """
    if isinstance(array, list | tuple):
        return ", ".join(map(shape, array))
    return str(tuple(np.shape(array)))


def entry(symbol: str, index: tuple[Any, ...]) -> str:
    """Return the name of an entry.

    >>> entry("z", (0, 1)), entry("L", ())
    ('z[0, 1]', 'L')
    """
    return f"{symbol}[{', '.join(map(str, index))}]" if index else symbol


class Table(NamedTuple):
    """A matrix to write out: of a long array the first rows and columns, the middle left out.

    Attributes:
        rows: texts; `…` stands for what is left out.
        where: which part of the array this is, if it is not all of it.
        values: the numbers of the cells, None for `…`.
    """

    rows: list[list[str]]
    where: str
    values: list[list[Any]]


def table(symbol: str, array: Array, axes: tuple[int, int] | None = None) -> Table:
    """Return the part of an array that is written out: a matrix, or a row.

    Of an array with more than two axes that is its first matrix, over the last two axes that have
    more than one place; of images the first channel; of a long axis the beginning and the end.

    Arguments:
        symbol: what the array is called.
        array: all of it.
        axes: the rows and columns to show of an array that has more than two.
    """
    array = np.asarray(array)
    where = []
    index: list[Any] = [slice(None)] * array.ndim
    shown = [axis for axis, size in enumerate(array.shape) if size != 1][-2:]
    if array.ndim == 4 and array.shape[-1] > 1 and min(array.shape[1:3]) > 1:
        shown = [1, 2]  # images
    shown = list(axes or shown)
    if array.ndim > 2:
        index = [slice(None) if axis in shown else 0 for axis in range(array.ndim)]
        if any(size > 1 for axis, size in enumerate(array.shape) if axis not in shown):
            where.append(entry(symbol, tuple(":" if isinstance(i, slice) else i for i in index)))
    matrix = np.atleast_2d(array[tuple(index)])
    rows = _ends(matrix.shape[0], ROWS)
    columns = _ends(matrix.shape[1], COLUMNS)
    if None in rows or None in columns:
        where.append(f"{matrix.shape[0]} by {matrix.shape[1]}, the middle left out")
    if matrix.size == 0:
        where.append("no numbers")
    values = [[None if r is None or k is None else matrix[r, k] for k in columns] for r in rows]
    texts = [["…" if v is None else number(v) for v in row] for row in values]
    return Table(texts, ", ".join(where), values)


def _ends(size: int, limit: int) -> list[int | None]:
    """Return the indices to show: all, or the first and the last with None between them."""
    if size <= limit:
        return list(range(size))
    last = (limit - 1) // 3
    return [*range(limit - 1 - last), None, *range(size - last, size)]
