"""Linear algebra under Keras's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.ops.core import as_float

__all__ = ["cholesky", "det", "eigh", "inv", "norm", "qr", "slogdet", "solve", "svd"]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm of vectors, or of matrices over two axes."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    return np.linalg.norm(as_float(x), ord=ord, axis=axis, keepdims=keepdims)


def inv(x: Any) -> Any:
    """Return the inverse matrices."""
    return np.linalg.inv(as_float(x))


def solve(a: Any, b: Any) -> Any:
    """Return x with a x = b."""
    return np.linalg.solve(as_float(a), as_float(b))


def det(x: Any) -> Any:
    """Return the determinants."""
    return np.linalg.det(as_float(x))


def slogdet(x: Any) -> Any:
    """Return the sign, and the logarithm of the absolute value, of determinants."""
    return tuple(np.linalg.slogdet(as_float(x)))


def cholesky(x: Any, upper: bool = False) -> Any:
    """Return L with L Lᵀ = x, lower triangular; its transpose where `upper`."""
    return np.linalg.cholesky(as_float(x), upper=upper)


def eigh(x: Any) -> Any:
    """Return eigenvalues and eigenvectors of symmetric matrices."""
    return tuple(np.linalg.eigh(as_float(x)))


def qr(x: Any, mode: str = "reduced") -> Any:
    """Return Q and R."""
    factor: Any = np.linalg.qr
    return tuple(factor(as_float(x), mode=mode))


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return U, the singular values and Vᵀ; or the singular values alone."""
    decompose: Any = np.linalg.svd
    result = decompose(as_float(x), full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(result) if compute_uv else result
