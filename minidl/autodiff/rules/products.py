"""Products of arrays. With Y = A B, dA = dY Bᵀ and dB = Aᵀ dY; every other is written as that."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.autodiff.dispatch import RULES, Rule, apply, composite, rule
from minidl.autodiff.errors import NotDifferentiableError
from minidl.kernels import product


def _matmul(a: Any, b: Any) -> Any:
    """A B, by the layers' own product where it is one of two matrices, or of many rows with one."""
    if type(a) is type(b) is np.ndarray and b.ndim == 2 <= a.ndim and a.dtype == b.dtype:
        return product(a, b)
    return np.matmul(a, b)


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """dA = dY Bᵀ; a vector counts as a matrix with one row or column."""
    if np.ndim(b) == 1:
        return g[..., None] * b
    if np.ndim(a) == 1:
        return np.matmul(b, g[..., None])[..., 0]
    return _matmul(g, np.swapaxes(b, -1, -2))


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """dB = Aᵀ dY; where A has a batch of matrices and B is one, all rows count as one matrix."""
    if np.ndim(a) == 1:
        return a[:, None] * g[..., None, :] if np.ndim(b) > 1 else a * g
    if np.ndim(b) == 1:
        return np.matmul(np.swapaxes(a, -1, -2), g[..., None])[..., 0]
    if np.ndim(b) == 2 and np.ndim(a) > 2:
        return _matmul(
            np.transpose(np.reshape(a, (-1, np.shape(a)[-1]))),
            np.reshape(g, (-1, np.shape(g)[-1])),
        )
    return _matmul(np.swapaxes(a, -1, -2), g)


def _matmul_right_into(out: Array, g: Array, y: Array, a: Array, b: Array) -> None:
    """The same, written into `out`."""
    if a.ndim > 1 and b.ndim == 2 and out.dtype == g.dtype == a.dtype:
        rows = a.reshape(-1, a.shape[-1])
        product(rows.T, g.reshape(-1, g.shape[-1]), out)
    else:
        out[...] = _summed(_matmul_right(g, y, a, b), out.ndim)


def _summed(d: Any, rank: int) -> Any:
    return d.sum(axis=tuple(range(d.ndim - rank))) if d.ndim > rank else d


rule(np.matmul, _matmul_left, _matmul_right, into={1: _matmul_right_into})
RULES[np.matmul].function = _matmul


@composite(np.dot)
def dot(a: Any, b: Any) -> Any:
    """Write dot as a product of numbers, a matmul, or a tensordot."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=((-1,), (-2,)))


@composite(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """Write vdot as the product of both in one row."""
    return np.matmul(np.ravel(a), np.ravel(b))


@composite(np.inner)
def inner(a: Any, b: Any) -> Any:
    """Write inner as a tensordot over the last axes."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, axes=((-1,), (-1,)))


@composite(np.outer, np.linalg.outer)
def outer(a: Any, b: Any) -> Any:
    """Write outer as a product of a column and a row."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composite(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Write tensordot as one matmul, with the summed axes moved to the middle."""
    if isinstance(axes, int | np.integer):
        left = list(range(np.ndim(a) - axes, np.ndim(a)))
        right = list(range(axes))
    else:
        left, right = ([int(i) for i in np.atleast_1d(side)] for side in axes)
    left = [i % np.ndim(a) for i in left]
    right = [i % np.ndim(b) for i in right]
    rows = [i for i in range(np.ndim(a)) if i not in left]
    columns = [i for i in range(np.ndim(b)) if i not in right]
    shape = [np.shape(a)[i] for i in rows] + [np.shape(b)[i] for i in columns]
    size = int(np.prod([np.shape(a)[i] for i in left], dtype=int))
    a_rows = np.reshape(np.transpose(a, rows + left), (_size(a, rows), size))
    b_columns = np.reshape(np.transpose(b, right + columns), (size, _size(b, columns)))
    return np.reshape(np.matmul(a_rows, b_columns), shape)


def _size(a: Any, axes: list[int]) -> int:
    return int(np.prod([np.shape(a)[i] for i in axes], dtype=int))


@composite(np.linalg.matmul)
def linalg_matmul(x1: Any, x2: Any) -> Any:
    """Write linalg.matmul as matmul."""
    return np.matmul(x1, x2)


@composite(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """Write multi_dot as one matmul after the other."""
    y = arrays[0]
    for a in arrays[1:]:
        y = np.matmul(y, a)
    return y


@composite(np.linalg.vecdot, np.vecdot)
def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """Write vecdot as the sum of products."""
    return np.sum(np.multiply(x1, x2), axis=axis)


@composite(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Write kron as a product of blown-up arrays."""
    rank = max(np.ndim(a), np.ndim(b))
    a = np.reshape(a, (1,) * (rank - np.ndim(a)) + np.shape(a))
    b = np.reshape(b, (1,) * (rank - np.ndim(b)) + np.shape(b))
    wide = np.reshape(a, [side for n in np.shape(a) for side in (n, 1)])
    fine = np.reshape(b, [side for n in np.shape(b) for side in (1, n)])
    shape = [n * m for n, m in zip(np.shape(a), np.shape(b), strict=True)]
    return np.reshape(wide * fine, shape)


@composite(np.cross, np.linalg.cross)
def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """Write the cross product in space by its three components."""
    a, b = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise NotDifferentiableError("np.cross", "only vectors of three components are covered.")
    y = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(y, axis=axis)


@composite(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Write a convolution as a matmul of the sliding windows with the reversed filter."""
    if np.shape(v)[0] > np.shape(a)[0]:
        a, v = v, a
    n, m = np.shape(a)[0], np.shape(v)[0]
    full = np.lib.stride_tricks.sliding_window_view(np.pad(a, m - 1), m) @ np.flip(v)
    if mode == "full":
        return full
    start = (m - 1) // 2 if mode == "same" else m - 1
    return full[start : start + (n if mode == "same" else n - m + 1)]


@composite(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Write a correlation as a convolution with the reversed filter."""
    if np.shape(v)[0] > np.shape(a)[0]:
        return np.flip(convolve(v, np.flip(a), mode))
    return convolve(a, np.flip(v), mode)


# einsum: the gradient of an operand is an einsum of g with all the others.


def _einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum_vjp(
    position: int, g: Any, y: Any, *operands: Any, subscripts: str, optimize: Any = False
) -> Any:
    """Swap the roles of the output and the operand.

    What stands in this operand alone was summed away: its gradient is the same along that axis.
    A letter that stands twice in it picks a diagonal: its gradient stands on that diagonal.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    own, shape = terms[position], np.shape(operands[position])
    others = [t for i, t in enumerate(terms) if i != position]
    elsewhere = set(output).union(*others)
    letters = "".join(dict.fromkeys(own))
    found = "".join(letter for letter in letters if letter in elsewhere)
    rest = [a for i, a in enumerate(operands) if i != position]
    d = np.einsum(",".join([output, *others]) + "->" + found, g, *rest, optimize=optimize)
    for place, letter in enumerate(letters):
        if letter not in elsewhere:
            d = np.expand_dims(d, place)
    sizes = [shape[own.index(letter)] for letter in letters]
    d = np.broadcast_to(d, [max(n, m) for n, m in zip(np.shape(d), sizes, strict=True)])
    return d if len(letters) == len(own) else _on_diagonals(d, letters, own, g.dtype)


def _on_diagonals(d: Any, letters: str, own: str, dtype: Any) -> Any:
    """Place d, which has an axis for each letter, where all axes with that letter agree."""
    free = [c for c in _ALPHABET if c not in own]
    terms, eyes, target = [letters], [], ""
    for place, letter in enumerate(own):
        if letter in own[:place]:
            new = free.pop()
            terms.append(letter + new)
            eyes.append(np.eye(np.shape(d)[letters.index(letter)], dtype=dtype))
            letter = new
        target += letter
    return np.einsum(",".join(terms) + "->" + target, d, *eyes)


_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EINSUM = RULES[_einsum] = Rule(_einsum, (), _einsum_vjp)


@composite(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Any:
    """Spell the subscripts out, and call the rule with an argument for each operand."""
    subscripts, *arrays = operands
    if not isinstance(subscripts, str):
        raise NotDifferentiableError(
            "np.einsum", 'only subscripts as a string, such as "ij,jk->ik", are covered.'
        )
    spelled = _spell_out(subscripts.replace(" ", ""), [np.ndim(a) for a in arrays])
    return apply(_EINSUM, arrays, {"subscripts": spelled, "optimize": optimize})


def _spell_out(subscripts: str, ranks: list[int]) -> str:
    """Return subscripts with an output and with letters in place of dots."""
    inputs, arrow, output = subscripts.partition("->")
    free = [c for c in reversed(_ALPHABET) if c not in subscripts]
    terms = inputs.split(",")
    widths = [
        rank - len(t.replace("...", "")) if "..." in t else 0
        for t, rank in zip(terms, ranks, strict=True)
    ]
    dots = "".join(free[: max(widths, default=0)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, widths, strict=True)]
    if arrow:
        return ",".join(terms) + "->" + output.replace("...", dots)
    once = sorted(c for c in set(inputs) - set("., ") if inputs.count(c) == 1)
    return ",".join(terms) + "->" + dots + "".join(once)
