"""What `fit` makes small: losses on logits, regularizers, constraints, and what is frozen."""

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers, losses, optimizers
from tests.models.toys import regression

# Logits


@pytest.mark.parametrize("nested", [False, True])
def test_softmax_and_crossentropy_are_one_stable_step(nested):
    """Logits of ±1000 would give log(0) after a softmax in float32; the gradient is p − y."""
    last = layers.Dense(3, activation="softmax", use_bias=False)
    model = Sequential([Input((3,)), last])
    if nested:
        entry = Input((3,))
        model = Model(entry, model(entry))
    last.kernel.assign(np.diag([1000.0, -1000.0, 0.0]))
    model.compile(optimizer=optimizers.SGD(1.0), loss="categorical_crossentropy")
    x = np.eye(3, dtype="float32")[:1]
    y = np.array([[0.0, 1.0, 0.0]], dtype="float32")
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx(1000.0)  # z₀ − z₁ = 1000 − 0
    np.testing.assert_allclose(last.kernel.value[0], [999.0, 1.0, 0.0])
    assert last.activation.serialized_name() == "softmax"
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(), 1.0)


@pytest.mark.parametrize(
    ("tail", "loss", "y"),
    [
        (
            lambda: [layers.Dense(3, activation="softmax")],
            "sparse_categorical_crossentropy",
            [0, 2, 1, 1],
        ),
        (
            lambda: [layers.Dense(3), layers.Softmax()],
            "sparse_categorical_crossentropy",
            [0, 2, 1, 1],
        ),
        (lambda: [layers.Dense(3), layers.Activation("softmax")], "categorical_crossentropy", None),
        (
            lambda: [layers.Dense(1, activation="sigmoid")],
            "binary_crossentropy",
            [[0], [1], [1], [0]],
        ),
    ],
)
def test_training_on_logits_changes_no_result(rng, tail, loss, y):
    """The fused step against the plain one, which a subclass of the layer is too strange for."""
    x = rng.normal(size=(4, 2))
    y = np.eye(3)[[0, 2, 1, 1]] if y is None else np.array(y)
    entry = Input((2,), dtype="float64")
    h = entry
    for layer in tail():
        layer.dtype = "float64"
        h = layer(h)
    fused = Model(entry, h)
    plain = Model(entry, [h, layers.Identity()(h)])  # a second use forbids the logits
    fused.compile(optimizer=optimizers.SGD(0.5), loss=loss, metrics=["accuracy"])
    plain.compile(optimizer=optimizers.SGD(0.5), loss=[None, loss], metrics=[[], ["accuracy"]])
    assert fused._objective.heads[0].logits_loss is not None
    assert plain._objective.heads[1].logits_loss is None
    start = fused.get_weights()
    first = fused.train_on_batch(x, y, return_dict=True)
    after = fused.get_weights()
    fused.set_weights(start)
    second = plain.train_on_batch(x, [None, y], return_dict=True)
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-6)
    for a, b in zip(after, plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_mismatch_of_logits_and_probabilities_warns():
    softmax = Sequential([Input((2,)), layers.Dense(3, activation="softmax")])
    with pytest.warns(UserWarning, match="applied twice"):
        softmax.compile(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    linear = Sequential([Input((2,)), layers.Dense(3)])
    with pytest.warns(UserWarning, match="expects probabilities"):
        linear.compile(loss="sparse_categorical_crossentropy")


# Freezing, regularizers, constraints


def test_frozen_layers_stay_and_thaw(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,)), layers.Dense(4, name="a"), layers.Dense(1, name="b")])
    model.compile(optimizer="adam", loss="mse")
    model.fit(x, y, verbose=0)
    frozen = model.get_layer("a")
    frozen.trainable = False
    kept = frozen.get_weights()
    model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(kept, frozen.get_weights(), strict=True))
    frozen.trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(kept[0], frozen.get_weights()[0])
    assert len(model.trainable_weights) == 4


def test_a_layer_frozen_at_first_learns_when_thawed(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,)), layers.Dense(4, name="a"), layers.Dense(1)])
    model.get_layer("a").trainable = False
    model.compile(optimizer="sgd", loss="mse")
    model.predict(x, verbose=0)
    start = model.get_layer("a").get_weights()
    for thaw in (False, True):
        model.get_layer("a").trainable = thaw
        model.train_on_batch(x, y)
        model.evaluate(x, y, verbose=0)
        model.fit(x, y, verbose=0)
        assert np.array_equal(start[0], model.get_layer("a").get_weights()[0]) is not thaw


def test_regularizers_count_in_loss_and_gradient(rng):
    x, y = regression(rng, samples=8)
    model = Sequential(
        [
            Input((3,)),
            layers.Dense(1, kernel_regularizer=minidl.regularizers.L2(0.3), use_bias=False),
        ]
    )
    model.compile(optimizer=optimizers.SGD(0.1), loss="mse")
    w = model.get_weights()[0]
    error = x @ w - y
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx(np.mean(error**2) + 0.3 * np.sum(w**2), rel=1e-5)
    expected = w - 0.1 * (2 * x.T @ error / 8 + 0.6 * w)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4)


def test_activity_regularizer_counts_in_loss_and_gradient(rng):
    x, y = regression(rng, samples=8)
    model = Sequential([Input((3,)), layers.Dense(1, activity_regularizer="l2", use_bias=False)])
    model.compile(optimizer=optimizers.SGD(0.1), loss="mse")
    w = model.get_weights()[0]
    out = x @ w
    loss = model.train_on_batch(x, y)
    assert loss == pytest.approx(np.mean((out - y) ** 2) + 0.01 * np.sum(out**2) / 8, rel=1e-5)
    expected = w - 0.1 * (2 * x.T @ (out - y) / 8 + 0.02 * x.T @ out / 8)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4)


def test_constraints_hold_after_every_update(rng):
    x, y = regression(rng)
    model = Sequential([Input((3,)), layers.Dense(1, kernel_constraint="non_neg")])
    model.compile(optimizer=optimizers.SGD(0.5), loss="mse")
    model.fit(x, -y, epochs=2, verbose=0)
    assert (model.get_weights()[0] >= 0).all()
