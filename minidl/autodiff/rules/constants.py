"""Functions whose derivative is zero wherever there is one: their results are plain arrays.

They are whole numbers, truth values, shapes, or arrays made like another one.
"""

from __future__ import annotations

import numpy as np

from minidl.autodiff.dispatch import constant

constant(
    np.equal, np.not_equal, np.greater, np.greater_equal, np.less, np.less_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isfinite, np.isinf, np.isnan, np.signbit,
    np.sign, np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.spacing,
)  # fmt: skip

constant(
    np.round, np.around, np.fix,
    np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nanargmax, np.nanargmin,
    np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize, np.lexsort,
    np.all, np.any, np.allclose, np.array_equal, np.array_equiv, np.isclose, np.isin,
    np.isneginf, np.isposinf, np.isreal, np.isrealobj, np.iscomplex, np.iscomplexobj,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type,
    np.may_share_memory, np.shares_memory, np.linalg.matrix_rank, np.einsum_path,
    np.zeros_like, np.ones_like, np.empty_like,
    np.array2string, np.array_repr, np.array_str, np.imag,
)  # fmt: skip
