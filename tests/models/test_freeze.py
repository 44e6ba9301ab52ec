"""`model.freeze()`: what it gives, what it leaves out, and that threads do not meet in it."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minidl import Input, Model, Sequential, config, layers
from minidl.kernels import memory


def settled(model, rng):
    """Give every batch normalization of a model statistics and weights that do something."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(rng.uniform(0.5, 2.0, weight.shape))
    return model


def predicted(model, x):
    return model.predict(x, batch_size=len(x), verbose=0)


CHAINS = {
    "dense": ((5,), [lambda: layers.Dense(4)]),
    "dense without bias, in time": ((3, 5), [lambda: layers.Dense(4, use_bias=False)]),
    "convolution": ((6, 7, 2), [lambda: layers.Conv2D(4, 3, use_bias=False)]),
    "channels first": ((2, 6), [lambda: layers.Conv1D(4, 3, data_format="channels_first")]),
    "depthwise": ((6, 7, 2), [lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)]),
    "separable": ((6, 7, 2), [lambda: layers.SeparableConv2D(4, 3)]),
    "transposed": ((6, 7, 2), [lambda: layers.Conv2DTranspose(4, 3, strides=2)]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_normalization_goes_into_the_layer_before_it(name, rng):
    shape, (make,) = CHAINS[name]
    axis = 1 if name == "channels first" else -1
    after = [layers.BatchNormalization(axis=axis, name="bn"), layers.ReLU(name="relu")]
    model = settled(Sequential([Input(shape), make(), *after]), rng)
    frozen = model.freeze()
    assert frozen.folded == ["bn", "relu"]
    x = rng.normal(size=(3, *shape)).astype("float32")
    expected = predicted(model, x)
    # Two roundings of each weight, and one sum more: some units of the last place of the largest.
    assert np.abs(frozen(x) - expected).max() <= 8 * np.finfo("float32").eps * expected.max()


FOLLOWERS = {
    "dense": ((5,), lambda: layers.Dense(4), True),
    "dense without bias": ((3, 5), lambda: layers.Dense(4, use_bias=False), True),
    "valid convolution": ((6, 7, 2), lambda: layers.Conv2D(4, 3), True),
    "padded convolution": ((6, 7, 2), lambda: layers.Conv2D(4, 3, padding="same"), False),
    "convolution in groups": ((6, 7, 2), lambda: layers.Conv2D(4, 3, groups=2), False),
    "depthwise": ((6, 7, 2), lambda: layers.DepthwiseConv2D(3), False),
    "pooling": ((6, 7, 2), layers.MaxPooling2D, False),
}


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_normalization_goes_into_the_layer_behind_it_where_that_is_right(name, rng):
    shape, make, folds = FOLLOWERS[name]
    model = settled(Sequential([Input(shape), layers.BatchNormalization(name="bn"), make()]), rng)
    frozen = model.freeze()
    assert frozen.folded == (["bn"] if folds else [])
    x = rng.normal(size=(3, *shape)).astype("float32")
    expected = predicted(model, x)
    bound = 16 * np.finfo("float32").eps * np.abs(expected).max()
    assert np.abs(frozen(x) - expected).max() <= bound


@pytest.fixture
def numpy_alone():
    """With compiled kernels `predict` shares large products between threads."""
    config.set_compiled_kernels(False)
    yield
    config.set_compiled_kernels(None)


def test_what_was_not_folded_is_equal_to_the_last_bit(rng, numpy_alone):
    model = Sequential(
        [
            Input((300,)),
            layers.Dense(64, "relu"),
            layers.Dropout(0.5),
            layers.GaussianNoise(0.5),
            layers.Dense(5, "softmax", activity_regularizer="l2"),
        ]
    )
    frozen = model.freeze()
    for rows in (1, 2, 33, 1):
        x = rng.normal(size=(rows, 300)).astype("float32")
        assert frozen(x).tobytes() == predicted(model, x).tobytes()


def test_a_value_with_another_reader_is_not_folded(rng):
    x = Input((5,))
    dense = layers.Dense(4)(x)
    normalized = layers.BatchNormalization(name="bn")(dense)
    model = settled(Model(x, [dense, normalized]), rng)
    frozen = model.freeze()
    assert frozen.folded == []
    data = rng.normal(size=(3, 5)).astype("float32")
    for ours, theirs in zip(frozen(data), predicted(model, data), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_a_layer_that_runs_twice_is_not_folded(rng):
    x = Input((4,))
    shared = layers.Dense(4)
    y = shared(layers.BatchNormalization(name="bn")(shared(x)))
    model = settled(Model(x, y), rng)
    assert model.freeze().folded == []
    data = rng.normal(size=(3, 4)).astype("float32")
    assert model.freeze()(data).tobytes() == predicted(model, data).tobytes()


def test_it_is_a_snapshot(rng):
    model = Sequential([Input((3,)), layers.Dense(2)])
    x = rng.normal(size=(4, 3)).astype("float32")
    frozen = model.freeze()
    before = frozen(x)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((4, 2)), epochs=3, verbose=0)
    assert frozen(x).tobytes() == before.tobytes()
    assert not np.array_equal(model.predict(x, verbose=0), before)


def test_a_result_is_not_written_over_by_the_next_call(rng):
    x = Input((4,))
    dense = layers.Dense(6)(x)
    model = Model(
        x, [layers.Reshape((2, 3))(dense), layers.Flatten()(dense), layers.Dense(2)(dense)]
    )
    frozen = model.freeze()
    first = frozen(rng.normal(size=(3, 4)))
    kept = [y.copy() for y in first]
    frozen(rng.normal(size=(3, 4)))
    for y, before in zip(first, kept, strict=True):
        assert y.tobytes() == before.tobytes()


def test_inputs_are_not_handed_back_and_not_changed(rng):
    model = Sequential([Input((4,)), layers.Dropout(0.5)])
    x = rng.normal(size=(3, 4)).astype("float32")
    y = model.freeze()(x)
    assert y.tobytes() == x.tobytes()
    assert not np.shares_memory(x, y)


def test_masks_travel_in_it(rng):
    model = Sequential(
        [
            Input((6,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.Dropout(0.5),
            layers.LSTM(5),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )
    frozen = settled(model, rng).freeze()
    x = rng.integers(0, 9, (5, 6)) * (np.arange(6) < 4)
    assert np.allclose(frozen(x), predicted(model, x), rtol=1e-5, atol=1e-6)


def test_many_threads_get_what_one_gets(rng):
    model = Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(6, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(400, "relu"),
            layers.Dense(300, "tanh"),
            layers.Dense(3, "softmax"),
        ]
    )
    frozen = settled(model, rng).freeze()
    batches = [rng.normal(size=(2, 8, 8, 1)).astype("float32") for i in range(100)]
    alone = [frozen(batch).tobytes() for batch in batches]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that they get into each other's way, if they can
    try:
        with ThreadPoolExecutor(16) as pool:
            together = list(pool.map(lambda batch: frozen(batch).tobytes(), batches * 3))
    finally:
        sys.setswitchinterval(interval)
    assert together == alone * 3


def test_dicts_go_in_and_out(rng):
    a, b = Input((2,), name="a"), Input((3,), name="b")
    joined = layers.Concatenate()([a, b])
    model = Model({"a": a, "b": b}, {"sum": layers.Dense(1)(joined), "same": joined})
    data = {"b": rng.normal(size=(4, 3)), "a": rng.normal(size=(4, 2))}
    frozen = model.freeze()
    assert frozen.input_names == ["a", "b"]
    assert frozen.output_names == ["sum", "same"]
    ours, theirs = frozen(data), predicted_dict(model, data)
    assert all(ours[key].tobytes() == theirs[key].tobytes() for key in ("sum", "same"))


def predicted_dict(model, data):
    return model.predict(data, batch_size=4, verbose=0)


def test_a_wrong_shape_is_named(rng):
    frozen = Sequential([Input((3,)), layers.Dense(2)], name="net").freeze()
    with pytest.raises(ValueError, match=r"Frozen model 'net'.*\(2, 4\).*\(batch, 3\)"):
        frozen(np.ones((2, 4)))


def test_what_cannot_be_frozen_says_why():
    with pytest.raises(ValueError, match="not built yet"):
        Sequential([layers.Dense(2)]).freeze()
    stateful = Sequential([Input(batch_shape=(2, 3, 4)), layers.LSTM(5, stateful=True, name="l")])
    with pytest.raises(ValueError, match="layer 'l' is stateful"):
        stateful.freeze()

    class Own(Model):
        def call(self, x):
            return x * 2

    own = Own()
    own(np.ones((1, 2)))
    with pytest.raises(ValueError, match="its own forward or call"):
        own.freeze()


def test_what_any_layer_writes_is_written_again_in_the_next_call():
    model = Sequential(
        [
            Input((40, 40, 2)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    frozen = model.freeze()
    x = np.ones((4, 40, 40, 2), "float32")
    memory.pool.clear()
    first = frozen(x)
    held = memory.pool.held
    assert held > 4 * 38 * 38 * 8 * 4  # what the convolution gave, and more
    for _ in range(5):
        np.testing.assert_array_equal(frozen(x), first)
    assert memory.pool.held == held
