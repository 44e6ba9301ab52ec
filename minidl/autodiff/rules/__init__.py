"""The table of derivatives: a rule for each NumPy function, by what the functions do.

A rule is a vjp for each argument: from g = ∂L/∂y, the output y and the arguments it makes ∂L/∂x.
Where an argument was broadcast, the tape sums its gradient; a rule need not care. Rules use no
function but those of these tables, so that derivatives of derivatives exist.

    elementwise        exp, tanh, add, maximum, where, clip ...
    reductions         sum, mean, max, prod, var, cumsum ...
    shaping            reshape, transpose, broadcast_to, pad, tile, roll ...
    indexing           x[...], take, diagonal, tril, sliding_window_view ...
    joining            concatenate, stack, split ...
    products           matmul, dot, tensordot, einsum, convolve ...
    linear_algebra     norm, inv, solve, det, cholesky, eigh, svd ...
    ordering           sort, median, percentile, diff, interp ...
    constants          argmax, floor, comparisons, shape: what has no derivative but zero
"""

from minidl.autodiff.rules import (
    constants,
    elementwise,
    indexing,
    joining,
    linear_algebra,
    ordering,
    products,
    reductions,
    shaping,
)

__all__ = [
    "constants",
    "elementwise",
    "indexing",
    "joining",
    "linear_algebra",
    "ordering",
    "products",
    "reductions",
    "shaping",
]
