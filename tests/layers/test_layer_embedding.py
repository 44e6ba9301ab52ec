"""Embedding and Masking: what goes in, what comes out, and what is refused."""

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers
from minidl.layers import embedding
from minidl.layers.embedding import scatter_rows


@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64", "float32"])
def test_each_index_gives_its_row(shape, dtype):
    layer = layers.Embedding(7, 3)
    x = np.random.default_rng(0).integers(0, 7, shape).astype(dtype)
    y = layer(x)
    assert y.dtype == "float32"
    assert y.shape == layer.compute_output_shape(shape) == (*shape, 3)
    np.testing.assert_array_equal(y, layer.embeddings.value[x.astype(int)])


def test_the_start_is_uniform_and_small():
    layer = layers.Embedding(200, 50, name="words")
    layer.build()
    assert [w.path for w in layer.weights] == ["words/embeddings"]
    value = layer.embeddings.value
    assert value.shape == (200, 50)
    assert -0.05 <= value.min() < -0.049 < 0.049 < value.max() <= 0.05


@pytest.mark.parametrize("at_once", [1, 7, 1 << 18])
def test_rows_are_scattered_in_parts(monkeypatch, at_once):
    monkeypatch.setattr(embedding, "SCATTERED_AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    indices, rows = rng.integers(0, 5, 40).astype("uint8"), rng.normal(size=(40, 3))
    out, expected = np.full((6, 3), 9.0), np.zeros((6, 3))
    scatter_rows(indices, rows, out)
    for index, row in zip(indices, rows, strict=True):
        expected[index] += row
    np.testing.assert_allclose(out, expected, rtol=1e-12)


def test_a_frozen_table_gets_no_gradient():
    layer = layers.Embedding(4, 2)
    layer.build()
    y, residuals = layer.forward(np.array([1, 1]))
    layer.embeddings.grad = np.full((4, 2), 7.0)
    layer.trainable = False
    assert layer.backward(residuals, np.ones_like(y)) is None
    assert (layer.embeddings.grad == 7).all()


def test_it_learns_in_front_of_a_model_built_on_its_data():
    x = np.random.default_rng(2).integers(0, 6, (64, 5))
    y = (x == 3).any(axis=1).astype("float32")
    model = Sequential(
        [
            layers.Embedding(6, 4, embeddings_regularizer="l2", embeddings_constraint="max_norm"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(minidl.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=16, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    assert model.inputs[0].dtype == "int32"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[1, 9], [7, 0]], r"'e' \(Embedding\) received the index 9 at \[0, 1\].*input_dim=10"),
        ([[1, -3], [7, 0]], r"the index -3 at \[0, 1\].*expected 0 to 6"),
        ([[1.0, 2.5]], r"received 2\.5, expected whole numbers"),
        ([[1.0, np.nan]], r"received nan, expected whole numbers"),
    ],
)
def test_wrong_indices(x, message):
    with pytest.raises(ValueError, match=message):
        layers.Embedding(7, 3, name="e")(np.array(x))


def test_weights_are_what_the_table_starts_as():
    table = np.arange(6.0).reshape(3, 2)
    for given in (table, [table]):
        layer = layers.Embedding(3, 2, weights=given)
        np.testing.assert_array_equal(layer.embeddings.value, table)
        assert "weights" not in layer.get_config()
    with pytest.raises(ValueError, match=r"weights of shape \(2, 3\), expected .* \(3, 2\)"):
        layers.Embedding(3, 2, weights=table.T)


def test_wrong_sizes():
    for sizes in ((0, 2), (2, -1), (2.5, 2), (True, 2)):
        with pytest.raises(ValueError, match="expected a positive integer"):
            layers.Embedding(*sizes)


def test_input_length_is_no_longer_needed():
    with pytest.warns(UserWarning, match="input_length"):
        layers.Embedding(3, 2, input_length=5)


def test_the_mask_is_where_the_index_is_not_zero():
    x = np.array([[1, 0, 2], [0, 0, 1]])
    np.testing.assert_array_equal(layers.Embedding(3, 2, mask_zero=True).compute_mask(x), x != 0)
    assert layers.Embedding(3, 2).compute_mask(x) is None


def test_a_mask_can_be_asked_for_while_a_model_is_described():
    ids = Input((5,), dtype="int32")
    table = layers.Embedding(9, 3, mask_zero=True)
    swapped = layers.Permute((2, 1))(table(ids))  # loses the mask
    back = layers.Permute((2, 1))(swapped)
    model = Model(ids, layers.GlobalAveragePooling1D()(back, mask=table.compute_mask(ids)))
    x = np.array([[3, 1, 0, 0, 0], [1, 2, 3, 4, 5]])
    with pytest.warns(UserWarning, match="does not support masking"):
        y = model(x)
    rows = table.embeddings.value[x]
    np.testing.assert_allclose(
        y, [rows[0, :2].mean(axis=0), rows[1].mean(axis=0)], rtol=1e-5, atol=1e-6
    )
    assert all(type(layer).__name__ != "NotEqual" for layer in model.layers)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    with pytest.warns(UserWarning, match="does not support masking"):
        np.testing.assert_array_equal(again(x), y)


@pytest.mark.parametrize("value", [0.0, -1.5])
def test_masking_makes_zeros_and_a_mask(value):
    x = np.random.default_rng(3).normal(size=(2, 4, 3))
    x[0, 2:], x[1, 0, 0] = value, value
    layer = layers.Masking(value)
    mask = np.ones((2, 4), bool)
    mask[0, 2:] = False
    y, residuals = layer.forward(x)
    np.testing.assert_array_equal(layer.compute_mask(x), mask)
    np.testing.assert_array_equal(y, np.where(mask[..., np.newaxis], x, 0))
    dy = np.random.default_rng(4).normal(size=x.shape)
    dx = layer.backward(residuals, dy)
    np.testing.assert_array_equal(dx, np.where(mask[..., np.newaxis], dy, 0))
    source = Input((4, 3))
    model = Model(source, layers.GlobalAveragePooling1D()(layer(source)))
    np.testing.assert_allclose(model(x)[0], x[0, :2].mean(axis=0), rtol=1e-5, atol=1e-6)


def test_wrong_arguments_of_masking():
    with pytest.raises(ValueError, match="mask_value"):
        layers.Masking(np.nan)
    with pytest.raises(ValueError, match="at least 2 axes"):
        layers.Masking()(np.zeros(3))
