"""Whole models against real Keras: same weights in, same training, same numbers out."""

import numpy as np
import pytest

import minidl

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras's
]


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def pair(keras, make):
    """The same model twice, with the weights of minidl's."""
    ours, theirs = make(minidl), make(keras)
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def mlp(k):
    return k.Sequential(
        [
            k.Input((6,)),
            k.layers.Dense(16, activation="relu", kernel_regularizer="l2"),
            k.layers.BatchNormalization(),
            k.layers.Dense(8, activation="gelu"),
            k.layers.LayerNormalization(),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def two_by_two(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(5, activation="tanh", name="shared")
    x = k.layers.Concatenate(name="join")([shared(a), shared(b)])
    inner = k.Sequential([k.Input((10,)), k.layers.Dense(6, activation="silu")], name="inner")
    p = k.layers.Dense(1, activation="sigmoid", name="p")(inner(x))
    q = k.layers.Dense(2, name="q")(k.layers.Multiply(name="m")([shared(a), shared(b)]))
    return k.Model([a, b], [p, q])


def train(model, k, x, y, loss, optimizer, **options):
    model.compile(optimizer=optimizer(k), loss=loss, **options.pop("compile", {}))
    return model.fit(x, y, shuffle=False, verbose=0, **options)


def assert_same_weights(ours, theirs, tolerance=2e-5):
    for p, a, b in zip(ours.weights, ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=p.path)


OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda k: k.optimizers.Adam(1e-2, clipnorm=0.5),
    "rmsprop": lambda k: k.optimizers.RMSprop(1e-3, centered=True),
    "adamw": lambda k: k.optimizers.AdamW(1e-2, weight_decay=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_a_classifier(keras, name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(48, 6)).astype("float32")
    y = rng.integers(0, 3, size=48)
    weight = rng.uniform(0.5, 2, size=48).astype("float32")
    ours, theirs = pair(keras, mlp)
    histories = [
        train(
            model, k, x, y, "sparse_categorical_crossentropy", OPTIMIZERS[name],
            compile={"metrics": ["accuracy"]}, epochs=3, batch_size=10, sample_weight=weight,
            validation_split=0.25,
        ).history
        for model, k in ((ours, minidl), (theirs, keras))
    ]  # fmt: skip
    assert set(histories[0]) == set(histories[1])
    for key, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][key], rtol=1e-4, err_msg=key)
    assert_same_weights(ours, theirs, 1e-4)
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-3, atol=1e-4
    )


def test_training_two_inputs_and_two_outputs(keras):
    rng = np.random.default_rng(1)
    x = [rng.normal(size=(20, 4)).astype("float32") for _ in range(2)]
    y = [
        rng.integers(0, 2, size=(20, 1)).astype("float32"),
        rng.normal(size=(20, 2)).astype("float32"),
    ]
    ours, theirs = pair(keras, two_by_two)
    assert [la.name for la in ours.layers] == [la.name for la in theirs.layers]
    assert ours.output_names == theirs.output_names
    for model, k in ((ours, minidl), (theirs, keras)):
        train(
            model, k, x, y, ["binary_crossentropy", "mse"], OPTIMIZERS["sgd"], epochs=2,
            batch_size=8, compile={"loss_weights": [1.0, 0.3], "metrics": [["accuracy"], ["mae"]]},
        )  # fmt: skip
    assert_same_weights(ours, theirs)
    a = ours.evaluate(x, y, verbose=0, return_dict=True)
    b = theirs.evaluate(x, y, verbose=0, return_dict=True)
    assert set(a) == set(b)
    for key in a:
        assert a[key] == pytest.approx(b[key], rel=1e-4), key


def test_class_weight(keras):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 6)).astype("float32"), rng.integers(0, 3, size=30)
    ours, theirs = pair(keras, mlp)
    for model, k in ((ours, minidl), (theirs, keras)):
        train(
            model, k, x, y, "sparse_categorical_crossentropy", OPTIMIZERS["sgd"], epochs=2,
            class_weight={0: 1.0, 1: 3.0, 2: 0.2},
        )  # fmt: skip
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("make", [mlp, two_by_two])
def test_keras_reads_our_configuration_and_we_read_its(keras, make):
    ours, theirs = pair(keras, make)
    rng = np.random.default_rng(3)
    shapes = [t.shape for t in ours.inputs]
    x = [rng.normal(size=(5, *shape[1:])).astype("float32") for shape in shapes]
    x = x[0] if len(x) == 1 else x

    there = type(theirs).from_config(ours.get_config())
    there.set_weights(ours.get_weights())
    here = type(ours).from_config(theirs.get_config())
    here.set_weights(theirs.get_weights())
    expected = ours.predict(x, verbose=0)
    for model in (there, here):
        got = model.predict(x, verbose=0)
        for a, b in zip(
            expected if isinstance(expected, list) else [expected],
            got if isinstance(got, list) else [got],
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_activity_regularizer(keras):
    def make(k):
        return k.Sequential([k.Input((3,)), k.layers.Dense(2, activity_regularizer="l2")])

    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(12, 3)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")
    ours, theirs = pair(keras, make)
    for model, k in ((ours, minidl), (theirs, keras)):
        train(model, k, x, y, "mse", OPTIMIZERS["sgd"], epochs=3, batch_size=5)
    assert_same_weights(ours, theirs)
    assert ours.evaluate(x, y, verbose=0) == pytest.approx(
        theirs.evaluate(x, y, verbose=0), rel=1e-5
    )
