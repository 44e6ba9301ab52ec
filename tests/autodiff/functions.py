"""Every covered function with strategies for its arguments: the table that the tests go through.

A case is a function of arrays and a strategy for a list of them, off kinks and poles. Shapes have
sides of size 0 too, and pairs of arguments broadcast against each other, wherever NumPy lets them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl.testing import arrays, shapes


class Case(NamedTuple):
    """A function of arrays, and a strategy for a list of them."""

    call: Callable[..., Any]
    inputs: st.SearchStrategy[list[Any]]


def one(shape: Any = None, low: float = -3.0, high: float = 3.0, **options: Any) -> Any:
    """A list of one array, of any shape if none is given."""
    shape = shapes(min_rank=0, max_rank=3, min_side=0, max_side=3) if shape is None else shape
    return st.tuples(arrays(shape, low, high, **options)).map(list)


def full(rank: int = 1, top: int = 3, **options: Any) -> Any:
    """A list of one array without an axis of size 0."""
    return one(shapes(min_rank=rank, max_rank=top, max_side=3), **options)


@st.composite
def pair(draw: Any, *ranges: tuple[float, float], apart: bool = False, **options: Any) -> Any:
    """Two arrays that broadcast against each other; `apart`: no two entries are equal."""
    mutual = hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3)
    first, second = draw(mutual).input_shapes
    ranges = ranges or ((-3.0, 3.0),)
    a = draw(arrays(first, *ranges[0], **options))
    b = draw(arrays(second, *ranges[-1], **options))
    if apart:  # multiples of 0.1, and those moved by 0.05
        a, b = np.round(a, 1), np.round(b, 1) + 0.05
    return [a, b]


def of_shapes(*wanted: Any, **options: Any) -> Any:
    """Arrays of fixed shapes."""
    return st.tuples(*(arrays(shape, **options) for shape in wanted)).map(list)


@st.composite
def matrices(draw: Any, count: int = 1, rows: Any = None, columns: Any = None) -> Any:
    """Stacks of well-conditioned matrices, square if no size is given."""
    n = draw(st.integers(1, 3)) if rows is None else rows
    m = n if columns is None else columns
    batch = draw(st.sampled_from([(), (2,), (0,)]))
    found = []
    for _ in range(count):
        noise = draw(arrays((*batch, n, m), -0.3, 0.3, avoid=()))
        found.append(noise + _steps(n, m))
    return found


def _steps(n: int, m: int) -> Any:
    return np.eye(n, m) * (1.0 + np.arange(m))


ANY, POSITIVE, INSIDE = (-3.0, 3.0), (0.2, 3.0), (-0.9, 0.9)

UNARY = {
    np.negative: ANY, np.positive: ANY, np.conjugate: ANY, np.real: ANY, np.copy: ANY,
    np.absolute: ANY, np.fabs: ANY, np.square: ANY, np.sqrt: POSITIVE, np.cbrt: POSITIVE,
    np.reciprocal: POSITIVE, np.exp: ANY, np.exp2: ANY, np.expm1: ANY, np.log: POSITIVE,
    np.log2: POSITIVE, np.log10: POSITIVE, np.log1p: POSITIVE, np.sin: ANY, np.cos: ANY,
    np.tan: INSIDE, np.arcsin: INSIDE, np.arccos: INSIDE, np.arctan: ANY, np.sinh: ANY,
    np.cosh: ANY, np.tanh: ANY, np.arcsinh: ANY, np.arccosh: (1.2, 3.0), np.arctanh: INSIDE,
    np.deg2rad: ANY, np.radians: ANY, np.rad2deg: ANY, np.degrees: ANY, np.nan_to_num: ANY,
    np.sinc: (0.1, 0.9),
}  # fmt: skip

BINARY = {
    np.add: pair(), np.subtract: pair(), np.multiply: pair(), np.divide: pair(ANY, POSITIVE),
    np.power: pair(POSITIVE, ANY), np.float_power: pair(POSITIVE, ANY),
    np.maximum: pair(apart=True), np.minimum: pair(apart=True), np.fmax: pair(apart=True),
    np.fmin: pair(apart=True), np.hypot: pair(POSITIVE), np.arctan2: pair(POSITIVE),
    np.logaddexp: pair(), np.logaddexp2: pair(), np.copysign: pair(), np.heaviside: pair(),
}  # fmt: skip

axis_choice = st.sampled_from([None, 0, -1])


@st.composite
def _reduced(draw: Any, low: float = -3.0, high: float = 3.0, side: int = 0, **options: Any) -> Any:
    """An array, some of its axes, and keepdims."""
    rank = draw(st.integers(1, 3))
    shape = draw(shapes(min_rank=rank, max_rank=rank, min_side=side, max_side=3))
    axes = draw(st.lists(st.integers(0, rank - 1), unique=True, min_size=1))
    axis = draw(st.sampled_from([None, axes[0], axes[0] - rank, tuple(axes)]))
    return [draw(arrays(shape, low, high, **options)), axis, draw(st.booleans())]


def reduction(function: Any, **options: Any) -> Case:
    return Case(lambda x, axis, keep: function(x, axis=axis, keepdims=keep), _reduced(**options))


def along(function: Any, inputs: Any) -> Case:
    """A function with one axis or none."""
    both = st.tuples(inputs, axis_choice)
    return Case(lambda x, axis: function(x, axis=axis), both.map(lambda p: [*p[0], p[1]]))


def rows(call: Any, *wanted: Any, **options: Any) -> Case:
    return Case(call, of_shapes(*wanted, **options))


JUMPS = [0.7 * k for k in range(-4, 5)]
MODES = ("full", "same", "valid")
distinct = {"unique": True, "avoid": ()}
windows = np.lib.stride_tricks.sliding_window_view
odd = st.sampled_from([(), (0,), (2,), (1, 3), (2, 0), (2, 3)])


def _spd(a: Any) -> Any:
    return a @ np.swapaxes(a, -1, -2)


def _sym(a: Any) -> Any:
    return a + np.swapaxes(a, -1, -2)


def _projections(v: Any) -> Any:
    """What of vectors does not depend on their signs."""
    return v[..., :, None, :] * v[..., None, :, :]


def _svd_parts(a: Any) -> Any:
    """What of the singular vectors does not depend on their signs."""
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return (
        u[..., :, None, :]
        * np.swapaxes(vt, -1, -2)[..., None, :, :]
        * np.sqrt(s)[..., None, None, :]
    )


FUNCTIONS: dict[Any, list[Case]] = {
    **{f: [Case(f, one(None, *domain))] for f, domain in UNARY.items()},
    **{f: [Case(f, inputs)] for f, inputs in BINARY.items()},
    np.remainder: [rows(lambda a: np.remainder(a, 0.7), (2, 3), avoid=JUMPS),
                   rows(lambda b: np.remainder(7.1, b), (3,), low=2.5, high=3.4, avoid=())],
    np.fmod: [rows(lambda a: np.fmod(a, 0.7), (2, 3), avoid=JUMPS),
              rows(lambda b: np.fmod(-7.1, b), (3,), low=2.5, high=3.4, avoid=())],
    np.divmod: [rows(lambda a: np.divmod(a, 0.7)[1], (4,), avoid=JUMPS)],
    np.where: [Case(lambda a, b: np.where(b > 0, a, b * b), pair())],
    np.select: [rows(lambda a, b: np.select([a > 0, b > 0], [a * b, b], default=a), (2, 3), (3,))],
    np.clip: [
        Case(lambda x: np.clip(x, -1, 2), one(avoid=(-1, 2))),
        Case(lambda x: x.clip(min=-1), one(avoid=-1)),
        rows(lambda x, lo, hi: np.clip(x, lo / 9 - 1, hi / 9 + 1), (4,), (1,), (), avoid=(-1, 1),
             margin=0.4),
    ],
    np.full_like: [rows(lambda a, b: np.full_like(a, b) * a, (2, 3), ())],
    # Reductions
    np.sum: [reduction(np.sum), reduction(lambda x, **o: x.sum(**o)),
             rows(lambda x: np.add.reduce(x), (2, 3))],
    np.mean: [reduction(np.mean, side=1)],
    np.max: [reduction(np.max, side=1, **distinct)],
    np.min: [reduction(np.min, side=1, **distinct)],
    np.amax: [reduction(np.amax, side=1, **distinct)],
    np.amin: [reduction(np.amin, side=1, **distinct)],
    np.prod: [reduction(np.prod), rows(lambda x: np.prod(x * np.arange(3), axis=1), (2, 3))],
    np.var: [reduction(np.var, side=1), rows(lambda x: np.var(x, 0, ddof=1), (3, 2))],
    np.std: [rows(lambda x: np.std(x, axis=-1, keepdims=True), (2, 3), **distinct),
             rows(lambda x: np.std(x, ddof=1), (4,), **distinct)],
    np.average: [
        rows(lambda x, w: np.average(x, axis=1, weights=w), (2, 3), (3,), low=0.3),
        rows(lambda x, w: np.average(x, weights=w), (2, 3), (2, 3), low=0.3),
        reduction(np.average, side=1),
    ],
    np.ptp: [rows(lambda x: np.ptp(x, axis=-1), (2, 3), **distinct)],
    np.nansum: [rows(lambda x: np.nansum(np.where(_HOLES, np.nan, x), axis=-1), (2, 3))],
    np.nanmean: [rows(lambda x: np.nanmean(np.where(_HOLES, np.nan, x), axis=0), (2, 3))],
    np.cumsum: [along(np.cumsum, one(shapes(min_side=0, max_rank=3)))],
    np.cumprod: [along(np.cumprod, one(shapes(min_side=0, max_rank=3))),
                 rows(lambda x: np.cumprod(x * np.arange(-1, 2)), (3,))],
    # Shapes
    np.reshape: [Case(lambda x: np.reshape(x, (3, -1)), one((2, 3))),
                 Case(lambda x: x.reshape(-1), one()),
                 rows(lambda x: np.reshape(x, (3, 2), order="F"), (2, 3))],
    np.ravel: [Case(np.ravel, one()), rows(lambda x: np.ravel(x, order="F"), (2, 3)),
               Case(lambda x: x.flatten(), one())],
    np.squeeze: [Case(np.squeeze, one((1, 2, 1))), Case(lambda x: x.squeeze(0), one((1, 0, 2)))],
    np.expand_dims: [Case(lambda x: np.expand_dims(x, (0, -1)), one())],
    np.broadcast_to: [Case(lambda x: np.broadcast_to(x, (2, *x.shape)), one()),
                      rows(lambda x: np.broadcast_to(x, (2, 3, 4)), (3, 1))],
    np.broadcast_arrays: [Case(lambda a, b: np.broadcast_arrays(a, b), pair())],
    np.meshgrid: [rows(np.meshgrid, (2,), (3,), (2,)),
                  rows(lambda a, b: np.meshgrid(a, b, indexing="ij"), (2,), (0,))],
    np.transpose: [Case(np.transpose, one()), Case(lambda x: x.T, one()),
                   rows(lambda x: x.transpose(2, 0, 1), (2, 3, 4))],
    np.matrix_transpose: [rows(np.matrix_transpose, (2, 3, 1)), rows(lambda x: x.mT, (2, 3))],
    np.linalg.matrix_transpose: [rows(np.linalg.matrix_transpose, (2, 3))],
    np.swapaxes: [rows(lambda x: np.swapaxes(x, 0, -1), (2, 3, 4))],
    np.moveaxis: [rows(lambda x: np.moveaxis(x, 0, 2), (2, 3, 4)),
                  rows(lambda x: np.moveaxis(x, (0, 1), (-1, 0)), (2, 0, 3))],
    np.rollaxis: [rows(lambda x: np.rollaxis(x, 2), (2, 3, 4)),
                  rows(lambda x: np.rollaxis(x, 0, 3), (2, 3, 4))],
    np.flip: [Case(np.flip, one()), rows(lambda x: np.flip(x, (0, 2)), (2, 3, 2))],
    np.fliplr: [rows(np.fliplr, (2, 3))],
    np.flipud: [rows(np.flipud, (2, 3))],
    np.roll: [Case(lambda x: np.roll(x, 2), one()),
              rows(lambda x: np.roll(x, (1, -1), axis=(0, 1)), (2, 3))],
    np.rot90: [rows(lambda x: np.rot90(x, 3), (2, 3))],
    np.atleast_1d: [Case(np.atleast_1d, one())],
    np.atleast_2d: [Case(np.atleast_2d, one())],
    np.atleast_3d: [Case(np.atleast_3d, one())],
    np.tile: [Case(lambda x: np.tile(x, (2, 1, 3)), one()), Case(lambda x: np.tile(x, 2), one())],
    np.repeat: [Case(lambda x: np.repeat(x, 2), one(shapes(min_side=0))),
                rows(lambda x: np.repeat(x, [1, 0, 3], axis=1), (2, 3))],
    np.resize: [rows(lambda x: np.resize(x, (3, 5)), (2, 3))],
    np.pad: [
        Case(lambda x: np.pad(x, 1), one(shapes(min_side=0, max_rank=3))),
        *[rows(lambda x, m=m: np.pad(x, ((1, 2), (0, 1)), mode=m), (3, 3))
          for m in ("edge", "reflect", "symmetric", "wrap")],
        rows(lambda x: np.pad(x, [(0, 1)], constant_values=5), (2, 3)),
    ],
    # Indices
    np.take: [Case(lambda x: np.take(x, [[0, -1], [0, 0]], axis=-1), full()),
              rows(lambda x: np.take(x, [1, 7, -9], mode="clip"), (2, 3)),
              rows(lambda x: np.take(x, 4, axis=1, mode="wrap"), (2, 3)),
              rows(lambda x: x.take(np.zeros((0, 2), int), 0), (2, 3))],
    np.take_along_axis: [
        rows(lambda x: np.take_along_axis(x, np.array([[0, 0, 2]]), 1), (2, 3)),
        rows(lambda x: np.take_along_axis(x, np.array([4, 4]), None), (2, 3)),
    ],
    np.compress: [rows(lambda x: np.compress([True, False, True], x, axis=1), (2, 3))],
    np.extract: [rows(lambda x: np.extract([[1, 0, 1], [0, 0, 1]], x), (2, 3))],
    np.delete: [rows(lambda x: np.delete(x, 1, axis=1), (2, 3)),
                rows(lambda x: np.delete(x, [0, 4]), (2, 3))],
    np.diagonal: [rows(lambda x, k=k: np.diagonal(x, k), (3, 4)) for k in (-1, 0, 2)]
    + [rows(lambda x: x.diagonal(0, 2, 0), (2, 3, 2))],
    np.linalg.diagonal: [rows(np.linalg.diagonal, (3, 3))],
    np.diag: [rows(lambda x: np.diag(x, -1), (3,)), rows(np.diag, (3, 2))],
    np.diagflat: [rows(lambda x: np.diagflat(x, 1), (2, 2))],
    np.trace: [rows(np.trace, (3, 4, 2)), rows(lambda x: x.trace(1), (3, 4))],
    np.linalg.trace: [rows(np.linalg.trace, (2, 3, 3))],
    np.tril: [rows(lambda x: np.tril(x, -1), (2, 3, 4))],
    np.triu: [rows(lambda x: np.triu(x, 1), (3, 4))],
    windows: [
        rows(lambda x: windows(x, 2, axis=0), (4, 2)),
        rows(lambda x: windows(x, (2, 3), axis=(1, 0)), (3, 4)),
        rows(lambda x: windows(x, (3, 1)), (3, 2)),
        rows(lambda x: windows(x, 2, axis=1), (0, 3)),
    ],
    # Joining and parting
    np.concatenate: [
        rows(lambda a, b: np.concatenate([a, b, a], axis=1), (2, 3), (2, 0)),
        rows(lambda a, b: np.concatenate((a, b), axis=None), (2, 3), (2,)),
    ],
    np.append: [rows(lambda a, b: np.append(a, b), (2, 3), (2,))],
    np.stack: [Case(lambda x: np.stack([x, 2 * x], axis=-1), one())],
    np.vstack: [rows(lambda a, b: np.vstack([a, b]), (2, 3), (3,))],
    np.hstack: [rows(lambda a, b: np.hstack([a, b]), (3,), (2,)),
                rows(lambda a, b: np.hstack([a, b]), (2, 3), (2, 1))],
    np.dstack: [rows(lambda a, b: np.dstack([a, b]), (2, 3), (2, 3))],
    np.column_stack: [rows(lambda a, b: np.column_stack([a, b]), (2,), (2, 3))],
    np.block: [rows(lambda a, b: np.block([[a, b], [b, a]]), (2, 2), (2, 2)),
               rows(lambda a, b: np.block([a, b]), (2, 2), (2, 1))],
    np.split: [rows(lambda x: np.split(x, 2, axis=1), (2, 4)),
               rows(lambda x: np.split(x, [1, 3]), (4, 2))],
    np.array_split: [rows(lambda x: np.array_split(x, 3), (5, 2))],
    np.hsplit: [rows(lambda x: np.hsplit(x, 2), (2, 4))],
    np.vsplit: [rows(lambda x: np.vsplit(x, [1]), (3, 2))],
    np.dsplit: [rows(lambda x: np.dsplit(x, 2), (2, 1, 4))],
    # Products
    np.matmul: [
        rows(np.matmul, (2, 3), (3, 4)), rows(np.matmul, (3,), (3,)), rows(np.matmul, (2, 3), (3,)),
        rows(np.matmul, (3,), (3, 2)), rows(np.matmul, (2, 2, 3), (3, 2)),
        rows(np.matmul, (2, 1, 2, 3), (3, 3, 2)), rows(np.matmul, (3,), (2, 3, 2)),
        rows(np.matmul, (2, 2, 3), (3,)), rows(np.matmul, (2, 0), (0, 3)),
        rows(np.matmul, (0, 2), (2, 3)), rows(np.matmul, (2, 3), (4, 3, 2)),
    ],
    np.dot: [rows(np.dot, (), (2, 3)), rows(np.dot, (2, 3), (3,)), rows(np.dot, (2, 3), (4, 3, 2)),
             rows(lambda a, b: a.dot(b), (2, 3), (3, 2))],
    np.vdot: [rows(np.vdot, (2, 3), (2, 3))],
    np.inner: [rows(np.inner, (2, 3), (4, 3)), rows(np.inner, (), (3,))],
    np.outer: [rows(np.outer, (2, 2), (3,)), rows(np.multiply.outer, (2,), (3,))],
    np.linalg.outer: [rows(np.linalg.outer, (2,), (3,))],
    np.tensordot: [rows(np.tensordot, (2, 3, 4), (3, 4, 2)),
                   rows(lambda a, b: np.tensordot(a, b, axes=([0, 2], [1, -2])),
                        (2, 3, 4), (2, 2, 4, 1)),
                   rows(lambda a, b: np.tensordot(a, b, 0), (2,), (3,))],
    np.linalg.tensordot: [rows(lambda a, b: np.linalg.tensordot(a, b, axes=1), (2, 3), (3, 2))],
    np.linalg.matmul: [rows(np.linalg.matmul, (2, 3), (3, 4))],
    np.linalg.multi_dot: [
        rows(lambda a, b, c: np.linalg.multi_dot([a, b, c]), (2, 3), (3, 2), (2, 2)),
    ],
    np.vecdot: [rows(np.vecdot, (2, 3), (3,))],
    np.linalg.vecdot: [rows(np.linalg.vecdot, (2, 3), (2, 3))],
    np.kron: [rows(np.kron, (2, 3), (2, 2)), rows(np.kron, (2,), (2, 2))],
    np.cross: [rows(np.cross, (2, 3), (2, 3)),
               rows(lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 2))],
    np.linalg.cross: [rows(np.linalg.cross, (2, 3), (2, 3))],
    np.convolve: [rows(lambda a, v, m=m: np.convolve(a, v, m), (5,), (3,)) for m in MODES]
    + [rows(np.convolve, (2,), (4,))],
    np.correlate: [rows(lambda a, v, m=m: np.correlate(a, v, m), (5,), (3,)) for m in MODES]
    + [rows(lambda a, v: np.correlate(a, v, "full"), (2,), (4,))],
    np.einsum: [
        rows(lambda a, b: np.einsum("ij,jk->ik", a, b), (2, 3), (3, 4)),
        rows(lambda a, b: np.einsum("ij,jk", a, b), (2, 3), (3, 4)),
        rows(lambda a, b: np.einsum("b...i, i j -> ...bj", a, b), (2, 3, 2, 2), (2, 3)),
        rows(lambda a: np.einsum("ii->i", a), (3, 3)), rows(lambda a: np.einsum("ii", a), (3, 3)),
        rows(lambda a: np.einsum("ijk->j", a), (2, 3, 2)),
        rows(lambda a, b: np.einsum("iij,k->jk", a, b), (2, 2, 3), (2,)),
        rows(lambda a, b, c: np.einsum("ab,bc,cd->ad", a, b, c, optimize=True),
             (2, 3), (3, 2), (2, 2)),
        rows(lambda a, b: np.einsum("bij,bjk->bik", a, b), (0, 2, 3), (0, 3, 2)),
        rows(lambda a, b: np.einsum("...i,...i->...", a, b), (2, 1, 3), (4, 3)),
    ],
    # Linear algebra
    np.linalg.norm: [
        Case(lambda x: np.linalg.norm(x), full()),
        *[rows(lambda x, o=o: np.linalg.norm(x, o, axis=-1), (2, 3), **distinct)
          for o in (None, 1, 2, 3, np.inf, -np.inf)],
        *[rows(lambda x, o=o: np.linalg.norm(x / 9 + _steps(3, 2), o, keepdims=True), (3, 2),
               **distinct)
          for o in ("fro", 1, -1, np.inf, -np.inf, 2, -2, "nuc")],
    ],
    np.linalg.vector_norm: [rows(np.linalg.vector_norm, (2, 3)),
                            rows(lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=3), (2, 2, 2)),
    ],
    np.linalg.matrix_norm: [rows(np.linalg.matrix_norm, (2, 2, 3))],
    np.linalg.inv: [Case(np.linalg.inv, matrices())],
    np.linalg.solve: [
        Case(np.linalg.solve, matrices(2)),
        rows(lambda a, b: np.linalg.solve(a / 9 + np.eye(2), b), (2, 2), (2,)),
    ],
    np.linalg.det: [Case(np.linalg.det, matrices())],
    np.linalg.slogdet: [Case(lambda a: np.linalg.slogdet(a)[1], matrices())],
    np.linalg.matrix_power: [Case(lambda a, n=n: np.linalg.matrix_power(a, n), matrices())
                             for n in (0, 1, 3, 4, -2)],
    np.linalg.pinv: [Case(np.linalg.pinv, matrices(rows=3, columns=2)),
                     Case(np.linalg.pinv, matrices(rows=2, columns=3))],
    np.linalg.cholesky: [Case(lambda a: np.linalg.cholesky(_spd(a)), matrices()),
                         Case(lambda a: np.linalg.cholesky(_spd(a), upper=True), matrices())],
    np.linalg.eigh: [
        Case(lambda a: np.linalg.eigh(_sym(a))[0], matrices()),
        Case(lambda a: _projections(np.linalg.eigh(_sym(a)).eigenvectors), matrices()),
    ],
    np.linalg.eigvalsh: [Case(lambda a: np.linalg.eigvalsh(a), matrices())],
    np.linalg.svd: [
        Case(lambda a: np.linalg.svd(a, compute_uv=False), matrices(rows=3, columns=2)),
        *[Case(_svd_parts, matrices(rows=r, columns=c)) for r, c in ((2, 2), (3, 2), (2, 3))],
    ],
    np.linalg.svdvals: [Case(np.linalg.svdvals, matrices())],
    np.linalg.qr: [Case(lambda a: np.linalg.qr(a)[0], matrices(rows=3, columns=2)),
                   Case(lambda a: np.linalg.qr(a, mode="r"), matrices(rows=2, columns=2))],
    # Order
    np.sort: [along(np.sort, one(shapes(min_side=0, max_rank=3), **distinct))],
    np.partition: [rows(lambda x: np.partition(x, 1, axis=0)[1], (3, 2), **distinct)],
    np.median: [reduction(np.median, side=1, **distinct)],
    np.percentile: [rows(lambda x: np.percentile(x, [10, 75], axis=1), (2, 4), **distinct)],
    np.quantile: [rows(lambda x: np.quantile(x, 0.3), (2, 3), **distinct)],
    np.diff: [rows(lambda x: np.diff(x, 2, axis=0), (4, 2)), rows(np.diff, (2, 0))],
    np.ediff1d: [rows(np.ediff1d, (2, 2))],
    np.trapezoid: [rows(np.trapezoid, (2, 3)), rows(np.trapezoid, (2, 3), (3,)),
                   rows(lambda y, x: np.trapezoid(y, x, axis=0), (3, 2), (3, 2))],
    np.interp: [rows(lambda x, f: np.interp(x, np.array([-2.0, 0.3, 1.9]), f), (4,), (3,),
                     avoid=(-2, 0.3, 1.9))],
    np.polyval: [rows(np.polyval, (3,), (2, 2))],
}  # fmt: skip

if hasattr(np, "unstack"):
    FUNCTIONS[np.unstack] = [rows(lambda x: np.unstack(x, axis=1), (2, 3))]

_HOLES = np.array([[False, True, False], [False, False, True]])


METHODS: dict[str, Case] = {
    "x[1]": rows(lambda x: x[1], (2, 3)),
    "x[..., None, ::2]": rows(lambda x: x[..., None, ::2], (2, 3)),
    "x[mask]": rows(lambda x: x[x > 0], (2, 3)),
    "x[:, [0, 0, 2]]": rows(lambda x: x[:, [0, 0, 2]], (2, 3)),
    "x[i, j]": rows(lambda x: x[np.array([[0], [1]]), np.array([1, 1])], (2, 3)),
    "x[0:0]": rows(lambda x: x[0:0], (2, 3)),
    "iteration": rows(lambda x: sum(row * i for i, row in enumerate(x)), (3, 2)),
    "unpacking": rows(lambda x: x[0] * x[1], (2, 3)),
    "-x + 2 - x": rows(lambda x: -x + 2 - x, (2, 3)),
    "1 / x": rows(lambda x: 1 / x, (3,), low=0.3),
    "x ** 3": rows(lambda x: x**3, (3,)),
    "2 ** x": rows(lambda x: 2**x, (3,)),
    "x % 2": rows(lambda x: x % 2, (3,), avoid=(-2, 0, 2)),
    "abs": rows(lambda x: abs(x) * +x, (3,)),
    "matrix @": rows(lambda x: np.ones((2, 3)) @ x @ [1.0, 2.0], (3, 2)),
    "x * array": rows(lambda x: np.arange(3.0) * x * [1.0, 2.0, 3.0], (2, 3)),
    "astype": rows(lambda x: x.astype(np.float64) * x, (3,)),
    "if": rows(lambda x: x * 2 if x.sum() > 0 else x * 3, (1,)),
    "reduce": rows(lambda x: np.maximum.reduce(x, axis=1) + np.logaddexp.reduce(x, axis=1), (2, 3),
                   unique=True, avoid=()),
    "accumulate": rows(lambda x: np.add.accumulate(x, axis=1), (2, 3)),
}  # fmt: skip
