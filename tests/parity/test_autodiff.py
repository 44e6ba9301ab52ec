"""The same functions' gradients here, by HIPS autograd and by JAX; ops against Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from minidl import autodiff, ops

pytestmark = pytest.mark.parity

rng = np.random.default_rng(0)
A, B, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 3)), rng.normal(size=4)
S = A @ A.T + np.eye(3)

FUNCTIONS = {
    "softmax": (lambda np, a: np.sum(np.exp(a - a.max(axis=1, keepdims=True)) ** 2), A),
    "layer norm": (
        lambda np, a: np.sum(((a - a.mean(1, keepdims=True)) / a.std(1, keepdims=True)) ** 3),
        A,
    ),
    "matmul": (lambda np, a: np.sum(np.tanh(np.matmul(a, B)) ** 2), A),
    "einsum": (lambda np, a: np.sum(np.einsum("ij,kj->ik", a, a) ** 3), A),
    "where": (lambda np, a: np.sum(np.where(a > 0, a**3, np.exp(a))), A),
    "ties": (lambda np, a: np.sum(np.maximum(a, a)) + np.max(np.concatenate([a, a])), A),
    "logaddexp": (lambda np, a: np.sum(np.logaddexp(a, V) * a), A),
    "concatenate": (lambda np, a: np.sum(np.concatenate([a, a * 2], axis=1)[:, 2:6] ** 2), A),
    "fancy index": (lambda np, a: np.sum(a[np.array([0, 0, 2])] ** 2), A),
    "cumsum": (lambda np, a: np.sum(np.cumsum(a, axis=1) ** 2), A),
    "sort": (lambda np, a: np.sum(np.sort(a, axis=1) * np.arange(4)), A),
    "prod": (lambda np, a: np.prod(a[0]) + np.var(a), A),
    "inv": (lambda np, a: np.sum(np.linalg.inv(a) ** 2), S),
    "solve": (lambda np, a: np.sum(np.linalg.solve(a, A) ** 2), S),
    "det": (lambda np, a: np.linalg.det(a), S),
    "slogdet": (lambda np, a: np.linalg.slogdet(a)[1], S),
    "cholesky": (lambda np, a: np.sum(np.linalg.cholesky((a + a.T) / 2) ** 3), S),
    "norm": (lambda np, a: np.linalg.norm(a), A),
    "eigh": (lambda np, a: np.sum(np.linalg.eigh((a + a.T) / 2)[0] ** 2), S),
    "pad and tile": (lambda np, a: np.sum(np.pad(np.tile(a, (1, 2)), ((1, 1), (0, 2))) ** 2), A),
    "tensordot": (lambda np, a: np.sum(np.tensordot(a, B, axes=1) ** 2), A),
    "diagonal": (lambda np, a: np.sum(np.diagonal(a) ** 2) + np.trace(a), A),
}


NOT_IN_AUTOGRAD = {"sort", "pad and tile", "diagonal"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hips_autograd_agrees(name):
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    if name in NOT_IN_AUTOGRAD:
        pytest.skip("autograd has no gradient of it")
    function, x = FUNCTIONS[name]
    expected = autograd.grad(lambda a: function(anp, a))(x)
    np.testing.assert_allclose(
        autodiff.grad(lambda a: function(np, a))(x), expected, rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jax_agrees(name):
    import jax
    import jax.numpy as jnp

    function, x = FUNCTIONS[name]
    with jax.enable_x64(True):
        expected = np.asarray(jax.grad(lambda a: function(jnp, a))(jnp.asarray(x)))
    np.testing.assert_allclose(
        autodiff.grad(lambda a: function(np, a))(x), expected, rtol=1e-9, atol=1e-9
    )


x = rng.normal(size=(2, 6, 5, 4)).astype(np.float32)
w = rng.normal(size=(3, 2, 4, 3)).astype(np.float32)
m = rng.normal(size=(4, 4)).astype(np.float32)
OPS = {
    "conv": [
        lambda o, p=p, q=q: o.conv(x, w, p, padding=q) for p in (1, 2) for q in ("valid", "same")
    ],
    "conv dilated": [lambda o: o.conv(x, w, padding="same", dilation_rate=2)],
    "depthwise_conv": [lambda o: o.depthwise_conv(x, w, padding="same")],
    "max_pool": [lambda o, q=q: o.max_pool(x, (2, 3), 2, padding=q) for q in ("valid", "same")],
    "average_pool": [lambda o, q=q: o.average_pool(x, 2, 2, padding=q) for q in ("valid", "same")],
    "activations": [
        lambda o, n=n: getattr(o, n)(x)
        for n in (
            "relu",
            "softmax",
            "gelu",
            "selu",
            "silu",
            "elu",
            "softplus",
            "log_softmax",
            "celu",
        )
    ],
    "one_hot": [
        lambda o: o.one_hot(np.array([0, 2, 5]), 3),
        lambda o: o.one_hot(np.array([1, 0]), 3, axis=0),
    ],
    "top_k": [lambda o: o.top_k(m, 2)[0], lambda o: o.top_k(m, 2)[1]],
    "moments": [
        lambda o: o.moments(x, [0, 1])[1],
        lambda o: o.normalize(x),
        lambda o: o.logsumexp(x, axis=1),
    ],
    "attention": [
        lambda o, c=c: o.dot_product_attention(x, x, x, is_causal=c) for c in (False, True)
    ],
    "losses": [
        lambda o: o.categorical_crossentropy(np.eye(4, dtype="float32"), m, from_logits=True),
        lambda o: o.sparse_categorical_crossentropy(np.array([0, 1, 2, 3]), m, from_logits=True),
        lambda o: o.binary_crossentropy(np.eye(4, dtype="float32"), m, from_logits=True),
    ],
    "segments": [lambda o: o.segment_sum(m, np.array([0, 0, 2, 2]), 3)],
    "scatter": [
        lambda o: o.scatter(np.array([[0], [2]]), m[:2], (4, 4)),
        lambda o: o.scatter_update(m, np.array([[0, 1], [2, 2]]), np.array([5, 6], "float32")),
        lambda o: o.slice_update(m, (1, 1), m[:2, :2]),
        lambda o: o.slice(m, (1, 0), (2, 3)),
    ],
    "others": [
        lambda o: o.mean(x, axis=[1, 2]),
        lambda o: o.transpose(m),
        lambda o: o.erf(m),
        lambda o: o.take(m, np.array([0, -1]), axis=1),
        lambda o: o.rsqrt(m**2 + 1),
        lambda o: o.arange(5),
        lambda o: o.linspace(0, 1, 5),
        lambda o: o.tril(m),
        lambda o: o.clip(m, -1, 1),
        lambda o: o.einsum("ij,kj->ik", m, m),
        lambda o: o.var(m, axis=1),
    ],
}


@pytest.mark.parametrize("name", OPS)
def test_ops_agree_with_keras(name):
    keras_ops = pytest.importorskip("keras").ops

    for call in OPS[name]:
        expected, found = np.asarray(call(keras_ops)), np.asarray(call(ops))
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def test_names_are_keras_s():
    keras_ops = pytest.importorskip("keras").ops
    assert not [name for name in ops.__all__ if not hasattr(keras_ops, name)]
