"""What stands in an exported file, and what is refused instead of exported."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from minidl import Input, Model, Sequential, activations, layers
from minidl.export import register_onnx_converter
from minidl.export.onnx import convert, table
from tests.parity.table import public_layers

from .building import straight
from .onnx_models import convnet


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


# Every layer


def test_every_public_layer_is_exported_or_refused_with_a_reason():
    assert convert.FAMILIES
    exported = {cls.__name__ for cls in table.converted() if issubclass(cls, layers.Layer)}
    refused = {cls.__name__ for cls in table.refused()}
    assert not exported & refused
    assert public_layers() <= exported | refused, sorted(public_layers() - exported - refused)


def test_every_activation_is_exported():
    known = {value for value in vars(activations).values() if isinstance(value, type)}
    own = {cls for cls in known if issubclass(cls, activations.Activation)}
    own -= {activations.Activation, activations.FunctionActivation}
    assert own <= table.converted()


# The file


def test_convolutions_meet_without_transposes_between_them(path):
    """A transpose at the front and one before Flatten; Dropout and the cancelled ones are gone."""
    convnet().export(path)
    assert operators(path) == [
        *("Transpose", "Conv", "Relu", "MaxPool", "Conv", "BatchNormalization", "Relu", "MaxPool"),
        *("Transpose", "Reshape", "Gemm", "Softmax", "Identity"),
    ]


def test_file_is_of_opset_18_and_sizes_vary(path):
    x = Input((None, 4), name="steps")
    Model(x, layers.LSTM(3, return_sequences=True, name="lstm")(x)).export(path)
    model = onnx.load(path)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert model.ir_version == 8
    (entry,), (end,) = model.graph.input, model.graph.output
    sizes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (entry, end)
    ]
    assert sizes == [["batch", "steps_1", 4], ["batch", "lstm_1", 3]]
    assert [entry.name, end.name] == ["steps", "lstm"]


def test_weights_bear_their_paths_and_shared_ones_stand_once(path):
    a, b = Input((4,)), Input((4,))
    dense = layers.Dense(3, name="both")
    Model([a, b], [dense(a), dense(b)]).export(path)
    graph = onnx.load(path).graph
    assert sorted(array.name for array in graph.initializer) == ["both/bias", "both/kernel"]
    assert [value.name for value in graph.output] == ["both", "both_1"]


def test_layers_of_one_name_keep_their_own_weights(path):
    inner = [Sequential([Input((3,)), layers.Dense(3, name="same")]) for _ in range(2)]
    model = Sequential([Input((3,)), *inner])
    model.export(path)
    x = np.ones((2, 3), "float32")
    (y,) = ReferenceEvaluator(str(path)).run(None, {model.input_names[0]: x})
    np.testing.assert_allclose(y, model(x), atol=1e-6)


def test_model_is_left_as_it_was(path):
    model = convnet()
    before = [w.value.copy() for w in model.weights]
    model.export(path)
    for parameter, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(parameter.value, value)


def test_input_signature_fixes_sizes(path):
    model = straight(lambda: layers.Resizing(4, 4), shape=(None, None, 3))
    with pytest.raises(ValueError, match="interpolation needs known sizes"):
        model.export(path)
    model.export(path, input_signature=[(None, 6, 8, 3)])
    dims = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in dims[1:]] == [6, 8, 3]
    with pytest.raises(ValueError, match=r"expected \(batch, \?, \?, 3\)"):
        model.export(path, input_signature=[(None, 6, 8, 4)])
    with pytest.raises(ValueError, match="input_signature of 2 shapes, expected 1"):
        model.export(path, input_signature=[(None, 6, 8, 3)] * 2)


def test_verbose_tells_what_was_written(path, capsys):
    straight(lambda: layers.Dense(2, name="y"), shape=(4,)).export(path, verbose=True)
    told = capsys.readouterr().out
    assert "opset 18" in told
    assert "gives 'y': float32 (batch, 2)" in told
    straight(lambda: layers.Dense(2), shape=(4,)).export(path)
    assert not capsys.readouterr().out


# What is refused


def test_unknown_format_names_the_known_ones(tmp_path):
    model = straight(lambda: layers.Dense(2), shape=(4,))
    with pytest.raises(ValueError, match=r"suffix '\.onx'. Did you mean 'onnx'\?"):
        model.export(tmp_path / "model.onx")
    with pytest.raises(ValueError, match=r"format='tf_saved_model'.*Known:.*onnx"):
        model.export(tmp_path / "model", format="tf_saved_model")
    with pytest.raises(TypeError, match="opset"):
        model.export(tmp_path / "model.onnx", opset=20)
    model.export(tmp_path / "model", format="onnx")
    assert operators(tmp_path / "model") == ["Gemm", "Identity"]


def test_missing_package_is_told_with_what_installs_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[onnx\]"'):
        convnet().export(path)


def test_failed_export_leaves_the_file_that_was_there(path):
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="function of Python's"):
        straight(lambda: layers.Lambda(lambda x: x), shape=(4,)).export(path)
    assert path.read_bytes() == b"before"
    assert list(path.parent.iterdir()) == [path]


class Doubled(layers.Layer):
    def call(self, x):
        return 2 * x

    def compute_output_shape(self, input_shape):
        return input_shape


class OwnDense(layers.Dense):
    pass


class OwnCell(layers.Layer):
    state_size = 3

    def call(self, x, states):
        return x, states


REFUSALS = {
    "Lambda 'twice'": (lambda: layers.Lambda(lambda x: 2 * x, name="twice"), (4,), "'twice'"),
    "a layer of one's own": (Doubled, (4,), r"register_onnx_converter\(Doubled\)"),
    "a subclass": (lambda: OwnDense(2), (4,), r"register_onnx_converter\(OwnDense\)"),
    "a plain function": (
        lambda: layers.Dense(2, activation=lambda z: z * z),
        (4,),
        r"activation '<lambda>'",
    ),
    "a cell of one's own": (
        lambda: layers.RNN(OwnCell()),
        (None, 3),
        "those of minidl can",
    ),
    "not adapted": (layers.Normalization, (4,), "adapt"),
    "sizes unknown": (
        lambda: layers.UpSampling2D(interpolation="bilinear"),
        (None, None, 3),
        "Give Input its height and width",
    ),
    "no boundaries": (lambda: layers.Discretization(num_bins=3), (3,), "adapt"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_with_a_way_out(name, path):
    make, shape, message = REFUSALS[name]
    model = straight(make, shape=shape)
    with pytest.raises(ValueError, match=message) as refused:
        model.export(path)
    assert "cannot be exported to ONNX" in str(refused.value)
    assert not path.exists()


def test_what_runs_as_in_training_is_refused(path):
    x = Input((4,))
    with pytest.raises(ValueError, match="training=True"):
        Model(x, layers.Dropout(0.5)(x, training=True)).export(path)
    steps = Input((5, 4))
    within = layers.TimeDistributed(layers.Dropout(0.5))(steps, training=True)
    with pytest.raises(ValueError, match="training=True"):
        Model(steps, within).export(path)
    with pytest.raises(ValueError, match="training=True"):
        Model(steps, layers.GRU(2, dropout=0.1)(steps, training=True)).export(path)
    same = layers.GRU(2)(steps, training=True)
    Model(steps, layers.Dense(2)(same, training=True)).export(path)


def test_states_that_stay_are_refused(path):
    x = Input(batch_shape=(2, 5, 4))
    with pytest.raises(ValueError, match="initial_state"):
        Model(x, layers.LSTM(3, stateful=True)(x)).export(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_oov_indices": 0}, "num_oov_indices=1"),
        ({"num_oov_indices": 2, "oov_method": "farmhash"}, "floormod"),
    ],
)
def test_lookups_that_onnx_has_not_are_refused(arguments, message, path):
    x = Input((3,), dtype="int64")
    with pytest.raises(ValueError, match=message):
        Model(x, layers.IntegerLookup(vocabulary=[1, 2], **arguments)(x)).export(path)


class OwnMask(layers.Layer):
    def call(self, x):
        return x

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_mask(self, inputs, mask=None):
        return inputs[..., 0] > 0


def test_masks_of_ones_own_are_refused(path, monkeypatch):
    monkeypatch.setattr(table, "_CONVERTERS", dict(table._CONVERTERS))
    register_onnx_converter(OwnMask)(lambda graph, layer, x: x)
    with pytest.raises(ValueError, match="mask of its own"):
        straight(OwnMask, lambda: layers.LSTM(2)).export(path)


def test_strings_are_refused(path):
    x = Input((1,), dtype="string")
    ids = layers.StringLookup(vocabulary=["a", "b"])(x)
    with pytest.raises(ValueError, match="takes strings"):
        Model(x, layers.Embedding(4, 2)(ids)).export(path)


def test_models_without_a_graph_are_refused(path):
    with pytest.raises(ValueError, match="has no graph"):
        Sequential([layers.Dense(2)]).export(path)

    class Own(Model):
        def call(self, x):
            return 2 * x

    model = Own()
    model(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"Describe it as Model\(inputs, outputs\)"):
        model.export(path)


def test_too_many_weights_are_refused(path, monkeypatch):
    monkeypatch.setattr("minidl.export.onnx.proto.LARGEST", 100)
    with pytest.raises(ValueError, match="less than 2 GiB"):
        convnet().export(path)


# One's own


def test_registered_converters_are_used(path, monkeypatch):
    monkeypatch.setattr(table, "_CONVERTERS", dict(table._CONVERTERS))

    class Square(activations.Activation):
        def forward(self, z):
            return z * z, z

        def backward(self, z, dy):
            return 2 * z * dy

    @register_onnx_converter(Doubled)
    def doubled(graph, layer, x):
        return graph.op("Mul", x, graph.number(2))

    @register_onnx_converter(Square)
    def square(graph, activation, z):
        return graph.op("Mul", z, z)

    model = straight(lambda: layers.Dense(3, activation=Square()), Doubled, shape=(4,))
    model.export(path)
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    (y,) = ReferenceEvaluator(str(path)).run(None, {model.input_names[0]: x})
    np.testing.assert_allclose(y, model(x), atol=1e-5)
