"""Linear algebra on matrices in the last two axes, and on stacks of them.

Source: Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation", 2008; for the singular values and vectors Townsend, "Differentiating
the singular value decomposition", 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.autodiff.dispatch import composite, primitive, rule
from minidl.autodiff.errors import NotDifferentiableError
from minidl.autodiff.rules.reductions import axes_of, beside


def T(a: Any) -> Any:  # noqa: N802  as in the equations
    """Return the transposes."""
    return np.swapaxes(a, -1, -2)


# Norms


def _two_norm_vjp(g: Any, y: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """dx = g x / ‖x‖, and 0 where the norm is 0."""
    y, g = beside(y, x, axis, keepdims), beside(g, x, axis, keepdims)
    return g * x / np.where(y == 0, 1, y)


@primitive(_two_norm_vjp)
def _two_norm(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """Return √Σ x² over one or two axes."""
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


@composite(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """Write a norm of vectors, or of matrices where there are two axes, by its definition."""
    axes = axes_of(axis, np.ndim(x))
    if ord is None or (len(axes) == 2 and ord == "fro") or (len(axes) == 1 and ord == 2):
        return _two_norm(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    return _matrix_norm(x, ord, axes, keepdims)


def _vector_norm(x: Any, ord: Any, axis: int, keepdims: Any) -> Any:
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, int | float) and ord > 0:
        return np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)
    raise NotDifferentiableError("np.linalg.norm", f"ord={ord!r} of a vector is not covered.")


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    a = np.moveaxis(x, axes, (-2, -1))
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(a), axis=-2 if abs(ord) == 1 else -1)
        y = np.max(sums, axis=-1) if ord > 0 else np.min(sums, axis=-1)
    elif ord in (2, -2, "nuc"):
        s = np.linalg.svd(a, compute_uv=False)
        y = np.sum(s, axis=-1) if ord == "nuc" else s[..., 0 if ord == 2 else -1]
    else:
        raise NotDifferentiableError("np.linalg.norm", f"ord={ord!r} of a matrix is not covered.")
    if keepdims:
        for axis in sorted(axes):
            y = np.expand_dims(y, axis)
    return y


@composite(np.linalg.vector_norm)
def vector_norm(x: Any, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    """Write the norm of all entries along axes as that of one row."""
    axes = axes_of(axis, np.ndim(x))
    if ord == 2:
        return _two_norm(x, axis=axes, keepdims=keepdims)
    rest = [i for i in range(np.ndim(x)) if i not in axes]
    rows = np.reshape(np.transpose(x, [*rest, *axes]), [*(np.shape(x)[i] for i in rest), -1])
    return beside(_vector_norm(rows, ord, -1, False), x, axis, not keepdims)


@composite(np.linalg.matrix_norm)
def matrix_norm(x: Any, keepdims: Any = False, ord: Any = "fro") -> Any:
    """Write matrix_norm as norm."""
    return norm(x, ord, (-2, -1), keepdims)


# Solving

rule(np.linalg.inv, lambda g, y, a: -T(y) @ g @ T(y))  # dA = −Yᵀ dY Yᵀ


def _solve_a(g: Any, y: Any, a: Any, b: Any) -> Any:
    """With A Y = B: dB = A⁻ᵀ dY, dA = −dB Yᵀ."""
    db = np.linalg.solve(T(a), g)
    return -db[..., :, None] * y[..., None, :] if np.ndim(b) == 1 else -db @ T(y)


rule(np.linalg.solve, _solve_a, lambda g, y, a, b: np.linalg.solve(T(a), g))
rule(np.linalg.det, lambda g, y, a: (g * y)[..., None, None] * T(np.linalg.inv(a)))


@primitive(lambda g, y, a: g[..., None, None] * T(np.linalg.inv(a)))
def _log_abs_det(a: Any) -> Any:
    return np.linalg.slogdet(a).logabsdet


@composite(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Return the sign, which is piecewise constant, and log |det A|."""
    from minidl.tracing import plain

    sign = np.linalg.slogdet(plain(a)).sign
    return _SLOGDET(sign, _log_abs_det(a))


_SLOGDET = type(np.linalg.slogdet(np.eye(1)))


@composite(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """Write a power as products, by squaring."""
    if n < 0:
        return matrix_power(np.linalg.inv(a), -n)
    if n == 0:
        return np.broadcast_to(np.eye(np.shape(a)[-1], dtype=a.dtype), np.shape(a)) + 0 * a
    half = matrix_power(a, n // 2) if n > 1 else None
    square = a if half is None else half @ half
    return square if n % 2 == 0 or n == 1 else square @ a


@composite(np.linalg.pinv)
def pinv(a: Any) -> Any:
    """Write the pseudo-inverse of matrices of full rank by the normal equations."""
    rows, columns = np.shape(a)[-2:]
    if rows >= columns:
        return np.linalg.solve(T(a) @ a, T(a))
    return T(np.linalg.solve(a @ T(a), a))


# Factors


def _cholesky_vjp(g: Any, y: Any, a: Any, upper: bool = False) -> Any:
    """dA = ½ L⁻ᵀ (Φ(Lᵀ dL) + its transpose) L⁻¹, where Φ takes the lower half with half of the
    diagonal; symmetric, as A is."""
    if upper:
        y, g = T(y), T(g)
    n = np.shape(a)[-1]
    half = np.tril(np.ones((n, n), y.dtype)) - np.eye(n, dtype=y.dtype) / 2
    phi = half * (T(y) @ g)
    s = np.linalg.solve(T(y), T(np.linalg.solve(T(y), T(phi + T(phi)))))
    return s / 2


rule(np.linalg.cholesky, _cholesky_vjp)


def _gaps(w: Any) -> Any:
    """F_ij = 1 / (w_j − w_i), 0 on the diagonal; needs eigenvalues that differ."""
    n = np.shape(w)[-1]
    eye = np.eye(n, dtype=w.dtype)
    return (1 - eye) / (w[..., None, :] - w[..., :, None] + eye)


def _eigh_vjp(g: Any, y: Any, a: Any) -> Any:
    """dA = V (diag(dw) + F ∘ Vᵀ dV) Vᵀ, made symmetric."""
    dw, dv = g
    w, v = y
    middle: Any = 0
    if dw is not None:
        middle = np.eye(np.shape(w)[-1], dtype=w.dtype) * dw[..., None, :]
    if dv is not None:
        middle = middle + _gaps(w) * (T(v) @ dv)
    da = v @ middle @ T(v)
    return (da + T(da)) / 2


@primitive(_eigh_vjp)
def _eigh(a: Any) -> Any:
    w, v = np.linalg.eigh(a)
    return w, v


@composite(np.linalg.eigh)
def eigh(a: Any) -> Any:
    """Return eigenvalues and eigenvectors of symmetric matrices, whose lower half is read."""
    w, v = _eigh(_symmetric(a))
    return _EIGH(w, v)


@composite(np.linalg.eigvalsh)
def eigvalsh(a: Any) -> Any:
    """Return the eigenvalues of symmetric matrices."""
    return _eigh(_symmetric(a))[0]


_EIGH = type(np.linalg.eigh(np.eye(1)))


def _symmetric(a: Any) -> Any:
    return np.tril(a) + T(np.tril(a, -1))


def _svd_vjp(g: Any, y: Any, a: Any) -> Any:
    """dA of A = U diag(s) Vᵀ, thin; with F_ij = 1 / (s_j² − s_i²)

    dA = U (diag(ds) + (F ∘ (Uᵀ dU − dUᵀ U)) S + S (F ∘ (Vᵀ dV − dVᵀ V))) Vᵀ
         + (1 − U Uᵀ) dU S⁻¹ Vᵀ + U S⁻¹ dVᵀ (1 − V Vᵀ)
    """
    du, ds, dvt = g
    u, s, vt = y
    n = np.shape(s)[-1]
    middle: Any = 0
    outside: Any = 0
    if ds is not None:
        middle = np.eye(n, dtype=s.dtype) * ds[..., None, :]
    if du is not None:
        middle = middle + _gaps(np.square(s)) * (T(u) @ du - T(du) @ u) * s[..., None, :]
        if np.shape(u)[-2] > n:
            outside = outside + ((du - u @ (T(u) @ du)) / s[..., None, :]) @ vt
    if dvt is not None:
        middle = middle + s[..., :, None] * _gaps(np.square(s)) * (vt @ T(dvt) - dvt @ T(vt))
        if np.shape(vt)[-1] > n:
            outside = outside + u @ ((dvt - (dvt @ T(vt)) @ vt) / s[..., :, None])
    return u @ middle @ vt + outside


@primitive(_svd_vjp)
def _svd(a: Any) -> Any:
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return u, s, vt


@composite(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return the thin singular value decomposition, or the singular values alone."""
    if not compute_uv:
        return _svd(a)[1]
    if full_matrices and np.shape(a)[-1] != np.shape(a)[-2]:
        raise NotDifferentiableError("np.linalg.svd", "pass full_matrices=False.")
    return _SVD(*_svd(a))


@composite(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    """Return the singular values."""
    return _svd(x)[1]


_SVD = type(np.linalg.svd(np.eye(1)))


def _qr_vjp(g: Any, y: Any, a: Any) -> Any:
    """dA = (dQ + Q sym(M)) R⁻ᵀ with M = R dRᵀ − dQᵀ Q, sym copying the lower half upwards."""
    dq, dr = g
    q, r = y
    m: Any = 0
    if dr is not None:
        m = r @ T(np.triu(dr))
    if dq is not None:
        m = m - T(dq) @ q
    lower = np.tril(m) + T(np.tril(m, -1))
    inside = q @ lower if dq is None else dq + q @ lower
    return T(np.linalg.solve(r, T(inside)))


@primitive(_qr_vjp)
def _qr(a: Any) -> Any:
    q, r = np.linalg.qr(a)
    return q, r


@composite(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Return Q and R of a matrix with at least as many rows as columns."""
    if mode not in ("reduced", "r") or np.shape(a)[-2] < np.shape(a)[-1]:
        raise NotDifferentiableError(
            "np.linalg.qr", "only mode='reduced' or 'r' of a matrix that is not wide is covered."
        )
    return _qr(a)[1] if mode == "r" else _QR(*_qr(a))


_QR = type(np.linalg.qr(np.eye(1)))
