"""Attention: hand-computed values, masks of all kinds, the ways of calling it, and bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from minidl import Model, layers
from minidl.layers import Input
from minidl.optimizers import Adam

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 5))
V = RNG.normal(size=(2, 6, 7))
PADDED = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)


def multi(**arguments):
    return layers.MultiHeadAttention(2, 3, dtype="float64", seed=1, **arguments)


def by_loops(layer, query, value, key=None, allowed=None):
    """Return y and P of a MultiHeadAttention, one head and one query step at a time."""
    key = value if key is None else key
    w = {dense.name: dense for dense in layer.sublayers()}

    def heads(name, x):
        return np.einsum("btf,fnh->bnth", x, w[name].kernel.value) + np.expand_dims(
            w[name].bias.value, (0, 2)
        )

    q, k, v = heads("query", query), heads("key", key), heads("value", value)
    p = np.zeros((*q.shape[:3], k.shape[2]))
    for b, n, t in np.ndindex(*q.shape[:3]):
        seen = np.ones(k.shape[2], bool) if allowed is None else allowed[b, t]
        scores = np.exp(k[b, n][seen] @ q[b, n, t] / np.sqrt(layer.key_dim))
        p[b, n, t, seen] = scores / scores.sum()
    context = np.einsum("bnts,bnsh->btnh", p, v)
    out = w["attention_output"]
    return np.einsum("btnh,nhf->btf", context, out.kernel.value) + out.bias.value, p


def test_multi_head_attention_is_what_loops_compute():
    layer = multi()
    allowed = RNG.random((2, 4, 6)) < 0.5
    allowed[..., 0] = True
    y, p = layer(X, V, attention_mask=allowed, return_attention_scores=True)
    expected_y, expected_p = by_loops(layer, X, V, allowed=allowed)
    np.testing.assert_allclose(y, expected_y, rtol=1e-12)
    np.testing.assert_allclose(p, expected_p, rtol=1e-12, atol=1e-15)


def test_causal_attention_sees_no_later_step():
    layer = multi()
    y = layer(X, X, use_causal_mask=True)
    later = X.copy()
    later[:, 2:] += 1.0
    changed = layer(later, later, use_causal_mask=True)
    np.testing.assert_array_equal(y[:, :2], changed[:, :2])
    assert (y[:, 2:] != changed[:, 2:]).any()
    lower = np.broadcast_to(np.tril(np.ones((4, 4), bool)), (2, 4, 4))
    np.testing.assert_allclose(y, by_loops(layer, X, X, allowed=lower)[0], rtol=1e-12)


def test_a_window_reaches_so_far_and_no_farther():
    _, p = multi(sliding_window=2)(X, X, return_attention_scores=True)
    distance = np.abs(np.subtract.outer(range(4), range(4)))
    assert ((p > 0) == (distance < 2)).all()
    _, p = multi(sliding_window=2)(X, X, return_attention_scores=True, use_causal_mask=True)
    assert ((p > 0) == (np.tril(distance < 2))).all()


def test_masks_given_by_name_and_carried_are_one():
    layer = multi()
    value_mask = RNG.random((2, 6)) < 0.5
    value_mask[:, 0] = True
    pairs = np.broadcast_to(PADDED[:, :, None] & value_mask[:, None, :], (2, 4, 6))
    expected = layer(X, V, attention_mask=pairs)
    by_name = layer(X, V, query_mask=PADDED, value_mask=value_mask)
    np.testing.assert_array_equal(by_name, expected)
    np.testing.assert_array_equal(layer(X, V, mask=[PADDED, value_mask]), expected)
    numbers = layer(X, V, attention_mask=pairs.astype("int32"))
    np.testing.assert_array_equal(numbers, expected)


def test_a_key_has_a_mask_of_its_own():
    layer, key = multi(), RNG.normal(size=(2, 6, 3))
    masks = RNG.random((2, 2, 6)) < 0.7
    masks[..., 0] = True
    both = np.broadcast_to((masks[0] & masks[1])[:, None], (2, 4, 6))
    np.testing.assert_array_equal(
        layer(X, V, key, value_mask=masks[0], key_mask=masks[1]),
        layer(X, V, key, attention_mask=both),
    )


def test_a_query_that_may_look_at_nothing():
    """As in Keras: the mean of all values where its attention is fused, and else nothing."""
    nothing = np.ones((2, 4, 6), bool)
    nothing[0, 1] = False
    layer = multi()
    y = layer(X, V, attention_mask=nothing)
    v = np.einsum("bsf,fnh->bsnh", V, layer.value_dense.kernel.value)
    mean = np.einsum("nh,nhf->f", v[0].mean(axis=0), layer.output_dense.kernel.value)
    np.testing.assert_allclose(y[0, 1], mean, rtol=1e-12)
    y, p = layer(X, V, attention_mask=nothing, return_attention_scores=True)
    assert (p[0, :, 1] == 0).all()
    assert (y[0, 1] == 0).all()
    assert (multi(dropout=0.1)(X, V, attention_mask=nothing)[0, 1] == 0).all()


def test_dropout_drops_weights_in_training_alone():
    layer = multi(dropout=0.5)
    _, p = layer(X, V, return_attention_scores=True)
    y, q = layer(X, V, return_attention_scores=True, training=True)
    np.testing.assert_array_equal(p, q)  # the scores are those before dropout
    assert not np.allclose(y, layer(X, V))


def test_attention_returns_the_weights_that_it_used():
    layer = layers.Attention(dropout=0.5, seed=1)
    y, a = layer([X, X], return_attention_scores=True, training=True)
    assert (a == 0).any()
    np.testing.assert_allclose(y, a @ X, rtol=1e-12)


def test_plain_attention_by_hand():
    q, v = np.array([[[1.0, 0.0]]]), np.array([[[2.0, 1.0], [0.0, 3.0], [5.0, 5.0]]])
    mask = [None, np.array([[True, True, False]])]
    weight = np.exp(2.0) / (np.exp(2.0) + 1.0)
    expected = weight * v[0, 0] + (1 - weight) * v[0, 1]
    np.testing.assert_allclose(layers.Attention()([q, v], mask=mask)[0, 0], expected)
    scores = np.tanh(q + v[:, :2]).sum(axis=-1)[0]
    p = np.exp(scores) / np.exp(scores).sum()
    for layer in (
        layers.Attention(score_mode="concat"),
        layers.AdditiveAttention(use_scale=False),
    ):
        np.testing.assert_allclose(layer([q, v], mask=mask)[0, 0], p @ v[0, :2])


def test_a_masked_query_of_plain_attention_gets_zero_and_passes_no_gradient():
    layer = layers.Attention(dtype="float64")
    y, residuals = layer.forward([X, X + 1.0], mask=[PADDED, None])
    assert (y[~PADDED] == 0).all()
    dq, dv = layer.backward(residuals, np.ones_like(y))
    assert (dq[~PADDED] == 0).all()
    assert (dv != 0).all()


def test_additive_scores_in_blocks_are_those_at_once(monkeypatch):
    from minidl.layers.attention import additive_scores

    def run():
        layer = layers.AdditiveAttention(dtype="float64")
        layer.build([X.shape, X.shape])
        layer.scale.value[...] = np.arange(1.0, 6.0)
        y, residuals = layer.forward([X, X[::-1]])
        return [y, *layer.backward(residuals, np.cos(y)), layer.scale.grad.copy()]

    at_once = run()
    monkeypatch.setattr(additive_scores, "_SCRATCH_NUMBERS", 60)
    for a, b in zip(at_once, run(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_grouped_heads_are_heads_with_copied_keys():
    grouped = layers.GroupQueryAttention(3, 4, 2, dtype="float64")
    whole = layers.MultiHeadAttention(4, 3, dtype="float64")
    value = X[:, ::-1]
    grouped(X, value)
    whole(X, value)
    weights = [RNG.normal(size=w.shape) for w in grouped.weights]
    grouped.set_weights(weights)
    copied = [np.repeat(w, 2, axis=-2) if 2 <= i < 6 else w for i, w in enumerate(weights)]
    whole.set_weights(copied)
    np.testing.assert_allclose(grouped(X, value), whole(X, value), rtol=1e-12)
    heads_masked = RNG.random((2, 4, 4, 4)) < 0.7
    heads_masked[..., 0] = True
    np.testing.assert_allclose(
        grouped(X, value, attention_mask=heads_masked),
        whole(X, value, attention_mask=heads_masked),
        rtol=1e-12,
    )


def test_axes_that_attend_as_one():
    image = RNG.normal(size=(2, 3, 4, 5))
    layer = multi()
    y = layer(image, image)
    flat = image.reshape(2, 12, 5)
    twin = multi()
    twin.build([flat.shape, flat.shape])
    twin.set_weights(layer.get_weights())
    np.testing.assert_allclose(y.reshape(2, 12, 5), twin(flat, flat), rtol=1e-12)
    rows = multi(attention_axes=2)
    rows.build([image.shape, image.shape])
    rows.set_weights(layer.get_weights())
    by_row = twin(image.reshape(6, 4, 5), image.reshape(6, 4, 5))
    np.testing.assert_allclose(rows(image, image).reshape(6, 4, 5), by_row, rtol=1e-12)


# In a model


def test_a_model_with_every_way_of_calling_it():
    query, value = Input((4, 5)), Input((6, 7))
    pairs = Input((4, 6), dtype="bool")
    layer = multi()
    y, p = layer(
        query, value=value, attention_mask=pairs, return_attention_scores=True, use_causal_mask=True
    )
    assert y.shape == (None, 4, 5)
    assert p.shape == (None, 2, 4, 6)
    again = multi()
    model = Model([query, value, pairs], [y, p, again(query, query)])
    allowed = RNG.random((2, 4, 6)) < 0.8
    got = model([X, V, allowed])
    want = layer(X, V, attention_mask=allowed, use_causal_mask=True, return_attention_scores=True)
    for a, b in zip(got, [*want, again(X, X)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    twin = Model.from_config(json.loads(json.dumps(model.get_config())))
    twin.set_weights(model.get_weights())
    for a, b in zip(got, twin([X, V, allowed]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_learns_to_look_back():
    """The answer is the first step, which only attention can bring to the last."""
    x = RNG.normal(size=(128, 5, 4)).astype("float32")
    x[:, :, 3] = np.arange(5)
    inputs = Input((5, 4))
    y = layers.MultiHeadAttention(2, 8)(inputs, inputs, use_causal_mask=True)
    model = Model(inputs, layers.Dense(1)(y))
    model.compile(Adam(0.03), "mse")
    first = np.repeat(x[:, :1, :1], 5, axis=1)
    losses = model.fit(x, first, epochs=12, batch_size=32, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]


# Bad input


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: layers.MultiHeadAttention(0, 3), "num_heads=0"),
        (lambda: layers.MultiHeadAttention(2, 2.5), "key_dim=2.5"),
        (lambda: layers.MultiHeadAttention(2, 3, value_dim=-1), "value_dim=-1"),
        (lambda: layers.MultiHeadAttention(2, 3, dropout=1.0), "dropout=1.0"),
        (lambda: layers.MultiHeadAttention(2, 3, output_shape="5"), "output_shape='5'"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes="1"), "attention_axes='1'"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window=0"),
        (lambda: layers.MultiHeadAttention(2, 3, activity_regularizer="l2"), "not support"),
        (lambda: layers.GroupQueryAttention(3, 4, 3), "divide"),
        (lambda: layers.Attention(score_mode="dots"), "Did you mean 'dot'"),
        (lambda: layers.Attention(dropout=-0.1), "dropout=-0.1"),
    ],
)
def test_arguments_are_checked(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: multi()(X, V, V[:, :5]), "the same sizes but for the last axis"),
        (lambda: multi()(X, V[0]), "the same number of axes"),
        (lambda: multi()(X[0], X[0]), "at least 3"),
        (lambda: [layer := multi(), layer(X, X), layer(X, V)], "expected 5 features"),
        (lambda: multi(attention_axes=3)(X, V), "attention_axes"),
        (lambda: multi()(X, V, attention_mask=np.ones((2, 6, 4))), r"\(2, 6, 4\).*does not fit"),
        (lambda: multi()(X, V, value_mask=np.ones((2, 4))), "does not fit"),
        (lambda: multi()(X, V, query_mask=np.ones(4)), "query_mask of shape"),
        (lambda: multi()(X, V, mask=[np.ones((2, 6)), None]), r"mask of shape \(2, 6\)"),
        (
            lambda: multi()(X[:, None], V[:, None], use_causal_mask=True),
            "needs one axis that attends",
        ),
        (lambda: multi().build([(None, 4, None), (None, 4, 5)]), "a known last axis"),
        (lambda: layers.GroupQueryAttention(3, 2, 1)(X[:, None], X[:, None]), "expected 3 axes"),
        (lambda: layers.Attention()(X), "two or three"),
        (lambda: layers.Attention()([X, V]), "as many features"),
        (lambda: layers.Attention()([X, X, X[:, :3]]), "as many steps"),
        (lambda: layers.Attention()([X, X], mask=[PADDED[:, :1], PADDED]), "query mask of shape"),
    ],
)
def test_calls_are_checked(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_what_is_missing_is_named():
    with pytest.raises(TypeError, match="without value"):
        multi()(X)
    with pytest.raises(TypeError, match="query twice"):
        multi()(X, X, query=X)
