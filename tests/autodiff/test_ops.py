"""`minidl.ops`: every name is there, and what is not NumPy's own has a right gradient."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import ops
from minidl.autodiff import grad
from minidl.layers import Parameter

from .checks import check_gradients

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape)


GRADIENTS = {
    "softmax": (ops.softmax, normal(2, 3)),
    "log_softmax": (ops.log_softmax, normal(2, 3)),
    "relu": (ops.relu, normal(2, 3)),
    "leaky_relu": (lambda x: ops.leaky_relu(x, negative_slope=0.3), normal(2, 3)),
    "gelu": (ops.gelu, normal(2, 3)),
    "erf": (ops.erf, normal(2, 3)),
    "rsqrt": (lambda x: ops.rsqrt(x**2 + 1), normal(3)),
    "logsumexp": (lambda x: ops.logsumexp(x, axis=1), normal(2, 3)),
    "logsumexp of all": (ops.logsumexp, normal(2, 3)),
    "top_k": (lambda x: ops.top_k(x, 2)[0], normal(2, 4)),
    "moments": (lambda x: ops.moments(x, axes=[0]), normal(3, 2)),
    "normalize": (ops.normalize, normal(2, 3)),
    "layer_normalization": (ops.layer_normalization, normal(2, 3), normal(3), normal(3)),
    "rms_normalization": (ops.rms_normalization, normal(2, 3), normal(3)),
    "segment_sum": (lambda x: ops.segment_sum(x, [0, 2, 0], 3), normal(3, 2)),
    "segment_max": (lambda x: ops.segment_max(x, [0, 1, 0]), normal(3, 2)),
    "attention": (
        lambda q, k, v: ops.dot_product_attention(q, k, v, is_causal=True),
        *(normal(2, 3, 2, 2) for _ in range(3)),
    ),
    "conv": (lambda x, w: ops.conv(x, w, 2, "same"), normal(2, 5, 2), normal(3, 2, 3)),
    "conv dilated": (
        lambda x, w: ops.conv(x, w, dilation_rate=2), normal(1, 5, 6, 2), normal(2, 3, 2, 2),
    ),
    "conv in groups, channels first": (
        lambda x, w: ops.conv(x, w, data_format="channels_first"),
        normal(1, 4, 4), normal(2, 2, 6),
    ),
    "depthwise_conv": (ops.depthwise_conv, normal(1, 4, 4, 2), normal(2, 2, 2, 3)),
    "separable_conv": (
        ops.separable_conv, normal(1, 3, 3, 2), normal(2, 2, 2, 2), normal(1, 1, 4, 3),
    ),
    "max_pool": (lambda x: ops.max_pool(x, 2, 1, "same"), normal(1, 3, 3, 2)),
    "average_pool": (lambda x: ops.average_pool(x, 2, 2, "same"), normal(1, 3, 3, 2)),
    "categorical_crossentropy": (
        lambda z: ops.categorical_crossentropy(np.eye(3), z, from_logits=True), normal(3, 3),
    ),
    "sparse_categorical_crossentropy": (
        lambda z: ops.sparse_categorical_crossentropy([0, 2], ops.softmax(z)), normal(2, 3),
    ),
    "binary_crossentropy": (
        lambda z: ops.binary_crossentropy(np.ones((2, 2)), z, from_logits=True), normal(2, 2),
    ),
    "slice_update": (lambda x, u: ops.slice_update(x, [1, 0], u), normal(3, 3), normal(2, 2)),
    "slice": (lambda x: ops.slice(x, [1, 0], [-1, 2]), normal(3, 3)),
    "scatter": (lambda v: ops.scatter([[0, 1], [0, 1]], v, (2, 2)), normal(2)),
    "scatter_update": (lambda x, u: ops.scatter_update(x, [[0], [2]], u), normal(3), normal(2)),
    "scatter_update, add": (
        lambda x, u: ops.scatter_update(x, [[0], [0]], u, reduction="add"), normal(3), normal(2),
    ),
    "unstack": (ops.unstack, normal(2, 3)),
    "scan": (lambda x: ops.scan(lambda c, v: (c * v, c + v), x[0], x), normal(4)),
    "fori_loop": (lambda x: ops.fori_loop(0, 3, lambda i, v: v * x + i, x), normal(2)),
    "while_loop": (lambda x: ops.while_loop(lambda v: True, lambda v: v * x, x, 2), normal(2)),
    "vectorized_map": (lambda x: ops.vectorized_map(lambda r: r * r.sum(), x), normal(2, 3)),
    "clip": (lambda x: ops.clip(x, -0.5, 0.5), normal(5)),
    "full": (lambda x: ops.full((2, 2), x[0]), normal(1)),
    "where": (lambda x: ops.where(x > 0, x, 0.0), normal(5)),
    "norm": (ops.norm, normal(2, 3)),
    "solve": (lambda a, b: ops.solve(a + 3 * np.eye(2), b), normal(2, 2), normal(2, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient(name):
    function, *inputs = GRADIENTS[name]
    check_gradients(lambda *args: _floats(function(*args)), inputs)


def _floats(result):
    return list(result) if isinstance(result, tuple) else result


def test_every_name_is_there_and_says_what_it_does():
    assert len(ops.__all__) == len(set(ops.__all__)) >= 200
    assert not [name for name in ops.__all__ if not getattr(ops, name).__doc__]


def test_dtypes_are_keras_s():
    assert ops.convert_to_tensor([1.0]).dtype == np.float32
    assert ops.convert_to_tensor([1]).dtype == np.int32
    assert ops.mean(np.array([1, 2])).dtype == np.float32
    assert ops.exp(np.float32(1)).dtype == np.float32
    assert ops.arange(3).dtype == np.int32
    assert ops.linspace(0, 1, 3).dtype == np.float32
    assert ops.cast([1.5], "int32").dtype == np.int32
    assert ops.add(np.float32(1), 0.5).dtype == np.float32


def test_parameters_and_lists_of_traced_numbers():
    weight = Parameter(np.array([1.0, 2.0]), name="w")
    assert grad(lambda x: ops.sum(ops.multiply(weight, x)))(np.ones(2)).tolist() == [1, 2]
    assert grad(lambda x: ops.sum(ops.stack([x[0], x[1] * 2])))(np.ones(2)).tolist() == [1, 2]
    assert grad(lambda x: ops.sum(ops.convert_to_tensor([x[0], x[0]])))(np.ones(2)).tolist() == [
        2, 0,
    ]  # fmt: skip


def test_a_reduction_that_is_not_known():
    with pytest.raises(ValueError, match="reduction='mul'"):
        ops.scatter_update(np.zeros(2), [[0]], np.ones(1), reduction="mul")
    with pytest.raises(ValueError, match="padding='full'"):
        ops.max_pool(np.zeros((1, 2, 1)), 2, padding="full")
