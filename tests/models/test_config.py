"""Configurations: what get_config says, from_config makes again, and a summary shows."""

import copy
import json

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers


def two_input_model():
    a, b = Input((4,), name="left"), Input((4,), name="right")
    shared = layers.Dense(3, activation="tanh", name="shared", kernel_regularizer="l2")
    joined = layers.Concatenate(name="joined")([shared(a), shared(b)])
    inner = Sequential([Input((6,)), layers.Dense(5, "relu"), layers.Dropout(0.3)], name="inner")
    first = layers.Dense(1, name="first")(inner(joined))
    second = layers.Dense(2, activation="softmax", name="second")(joined)
    return Model([a, b], [first, second], name="two")


def test_a_graph_survives_json(rng):
    model = two_input_model()
    config = json.loads(json.dumps(model.get_config()))
    twin = Model.from_config(config)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert twin.get_config() == model.get_config()
    twin.set_weights(model.get_weights())
    x = [rng.normal(size=(3, 4)), rng.normal(size=(3, 4))]
    for a, b in zip(model.predict(x, verbose=0), twin.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_sequential_survives_json(rng):
    model = Sequential(
        [
            Input((6,)),
            layers.Reshape((3, 2)),
            layers.LayerNormalization(),
            layers.Flatten(),
            layers.Dense(4, activation=minidl.activations.LeakyRelu(0.1), use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(2, activation="softmax", kernel_initializer="he_normal"),
        ],
        name="line",
    )
    config = json.loads(json.dumps(model.get_config()))
    twin = Sequential.from_config(config)
    assert twin.get_config() == model.get_config()
    twin.set_weights(model.get_weights())
    x = rng.normal(size=(3, 6))
    np.testing.assert_array_equal(model.predict(x, verbose=0), twin.predict(x, verbose=0))


def test_an_unbuilt_sequential_survives():
    model = Sequential([layers.Dense(3), layers.Dense(1)])
    twin = Sequential.from_config(model.get_config())
    assert not twin.built
    assert len(twin.layers) == 2


def test_custom_layers_come_back_through_custom_objects(rng):
    class Shift(layers.Layer):
        def __init__(self, by=1.0, **kwargs):
            super().__init__(**kwargs)
            self.by = by

        def forward(self, x, training=False):
            return x + np.float32(self.by), None

        def backward(self, residuals, dy):
            return dy

    model = Sequential([Input((2,)), Shift(3.0)])
    config = model.get_config()
    with pytest.raises(ValueError, match="Unknown layer 'Shift'"):
        Sequential.from_config(config)
    twin = Sequential.from_config(config, custom_objects={"Shift": Shift})
    np.testing.assert_array_equal(twin(np.zeros((1, 2))), [[3.0, 3.0]])


def test_an_argument_that_is_not_stored_is_known_from_the_call():
    class Forgetful(layers.Layer):
        def __init__(self, by, **kwargs):
            super().__init__(**kwargs)
            self._by = by

    layer = Forgetful(by=3, name="it")
    assert layer.get_config()["by"] == 3
    assert Forgetful.from_config(layer.get_config())._by == 3
    assert copy.deepcopy(layer).get_config()["by"] == 3


def test_damaged_configurations_are_refused():
    config = two_input_model().get_config()
    config["layers"] = [entry for entry in config["layers"] if entry["name"] != "shared"]
    with pytest.raises(ValueError, match="tensors that no layer makes"):
        Model.from_config(config)
    config = Sequential([layers.Dense(2)]).get_config()
    config["layers"][0]["class_name"] = "os.system"
    with pytest.raises(ValueError, match="Unknown layer"):
        Sequential.from_config(config)


def test_keras_marks_the_same_places():
    """The form of a small graph's configuration, as Keras 3.15 writes it."""
    a = Input((3,), name="a")
    config = Model(a, layers.Dense(2, name="d")(a)).get_config()
    assert config["input_layers"] == ["a", 0, 0]
    assert config["output_layers"] == ["d", 0, 0]
    entry = config["layers"][1]
    assert entry["module"] == "keras.layers"
    assert entry["registered_name"] is None
    assert entry["inbound_nodes"] == [
        {
            "args": [
                {
                    "class_name": "__keras_tensor__",
                    "config": {
                        "shape": [None, 3],
                        "dtype": "float32",
                        "keras_history": ["a", 0, 0],
                    },
                }
            ],
            "kwargs": {},
        }
    ]


def summary_of(model, **options):
    lines = []
    model.summary(print_fn=lines.append, line_length=100, **options)
    return "\n".join(lines)


def test_summary_has_layers_shapes_and_counts():
    model = Sequential([Input((3,)), layers.Dense(4, name="hidden"), layers.BatchNormalization()])
    text = summary_of(model)
    assert "hidden (Dense)" in text
    assert "(batch, 4)" in text
    assert "Total params: 32 (128.00 B)" in text
    assert "Trainable params: 24" in text
    assert "Non-trainable params: 8" in text
    assert "\x1b" not in text


def test_summary_of_a_graph_shows_connections_and_nested_layers():
    model = two_input_model()
    text = summary_of(model, show_trainable=True)
    assert "Connected to" in text
    assert "shared, shared" in text
    assert "dropout" not in text
    nested = cells(summary_of(model, expand_nested=True), "└─ dropout")
    assert nested[1:] == ["(batch, 5)", "0", model.get_layer("inner").layers[0].name]


def cells(text, start):
    """Return what stands in the row that begins so."""
    (row,) = [line for line in text.splitlines() if line.startswith(f"│ {start}")]
    return [cell.strip() for cell in row.strip("│").split("│")]


def test_summary_of_several_outputs_calls_and_an_optimizer():
    x = Input((4, 2), name="x")
    _, h, c = layers.LSTM(3, return_state=True, name="lstm")(x)
    twice = layers.Dense(3, name="twice")
    model = Model(x, layers.Add(name="sum")([twice(h), twice(c)]))
    twice.trainable = False
    text = summary_of(model, show_trainable=True)
    shapes = "(batch, 3), (batch, 3), (batch, 3)"
    assert cells(text, "lstm")[1:] == [shapes, "72", "x", "Y"]
    assert cells(text, "twice")[1:] == ["(batch, 3)", "12", "lstm[1], lstm[2]", "N"]
    assert cells(text, "sum")[3:] == ["twice, twice", "-"]
    assert "Optimizer params" not in text
    model.compile("adam", "mse")
    model.fit(np.ones((1, 4, 2)), np.ones((1, 3)), verbose=0)
    assert "Optimizer params: 146 (592.00 B)" in summary_of(model)


def test_summary_of_a_model_that_computes_by_itself():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(4, name="hidden")
            self.out = layers.Dense(1, name="out")

        def call(self, x):
            return self.out(self.hidden(x))

    model = Own()
    assert cells(summary_of(model), "hidden") == ["hidden (Dense)", "?", "0 (unbuilt)"]
    model(np.ones((5, 3)))
    assert cells(summary_of(model), "hidden") == ["hidden (Dense)", "(batch, 4)", "16"]
    assert cells(summary_of(model), "out")[1:] == ["(batch, 1)", "5"]


def test_summary_is_as_wide_as_asked():
    model = two_input_model()
    for options in ({}, {"positions": [0.4, 0.6, 0.75, 1.0]}):
        lines = []
        model.summary(print_fn=lines.append, line_length=64, **options)
        assert max(map(len, "\n".join(lines).splitlines())) <= 64
    ends = [at for at, char in enumerate("\n".join(lines).splitlines()[1]) if char in "┳┓"]
    assert ends == [25, 38, 48, 63]
    with pytest.raises(ValueError, match="each of its 4 columns"):
        model.summary(positions=[0.5, 1.0])


def test_summary_without_a_terminal_is_as_wide_as_it_needs_up_to_100():
    lines = []
    long = "a_layer_with_a_name_that_is_rather_long_and_in_one_line"
    Sequential([Input((3,)), layers.Dense(2, name=long)]).summary(print_fn=lines.append)
    assert f"│ {long} (Dense) │" in lines[0]


def test_summary_layer_range_and_unbuilt():
    model = Sequential([layers.Dense(4, name="one"), layers.Dense(4, name="two")])
    assert "not built" in summary_of(model)
    model.build((None, 2))
    assert "one" not in summary_of(model, layer_range=("two", "two")).split("Param #")[1]
    with pytest.raises(ValueError, match="layer_range"):
        model.summary(layer_range=("one", "three"))
    inner = two_input_model()
    text = summary_of(inner, layer_range=("inn.*", "first"), expand_nested=True)
    rows = [line.split()[1] for line in text.splitlines() if line.startswith("│")]
    assert rows[0] == "inner"
    assert rows[-1] == "first"
    assert "└─" in rows


def test_summary_to_the_terminal(capsys):
    Sequential([Input((3,)), layers.Dense(4)]).summary()
    assert "Total params: 16" in capsys.readouterr().out


def test_count_params_and_names():
    minidl.utils.clear_session()
    model = Sequential([Input((3,)), layers.Dense(4), layers.Dense(2)])
    assert model.count_params() == 26
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert [w.path for w in model.weights][:2] == ["dense/kernel", "dense/bias"]
