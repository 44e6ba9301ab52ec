from __future__ import annotations

import numpy as np
import pytest

from minidl import config
from minidl.layers import Dense, Input, InputLayer


def test_a_symbolic_tensor_made_by_a_node_without_inputs():
    x = Input((28, 28), name="image")
    assert (x.shape, x.dtype, x.name) == ((None, 28, 28), "float32", "image")
    assert isinstance(x.node.layer, InputLayer)
    assert x.node.inputs == []
    assert x.node.outputs == [x]
    assert x.node.layer.name == "image"
    assert x.node.layer.output is x
    assert x.node.layer.built
    assert x.node.layer.weights == []


def test_batch_size_and_batch_shape():
    assert Input((3,), batch_size=8).shape == (8, 3)
    assert Input(batch_shape=(8, None, 3)).shape == (8, None, 3)
    assert Input(()).shape == (None,)
    assert Input([np.int64(3)]).shape == (None, 3)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool", "float64", np.int32])
def test_integers_are_allowed(dtype):
    assert Input((3,), dtype=dtype).dtype == np.dtype(dtype).name
    assert Input((3,), dtype=dtype).node.layer.dtype == np.dtype(dtype).name


def test_dtype_follows_floatx():
    config.set_floatx("float64")
    try:
        assert Input((3,)).dtype == "float64"
    finally:
        config.set_floatx("float32")


def test_names_are_counted():
    first, second = Input((3,)), Input((3,))
    assert first.name.startswith("input_layer")
    assert first.name != second.name


def test_a_layer_can_be_called_on_it():
    assert Dense(2)(Input((3,))).shape == (None, 2)


def test_config_has_the_keys_of_keras():
    layer = InputLayer((3,), dtype="int32", name="ids")
    config = layer.get_config()
    assert config == {
        "batch_shape": [None, 3],
        "dtype": "int32",
        "sparse": False,
        "ragged": False,
        "name": "ids",
        "optional": False,
    }
    assert InputLayer.from_config(config).get_config() == config


def test_arrays_pass_through():
    x = np.arange(3, dtype="uint8")
    assert InputLayer(())(x) is x


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"no shape.*Input\(shape=\(784,\)\)"),
        ({"shape": 784}, r"shape=784.*Write \(784,\)"),
        ({"shape": (0,)}, r"shape=\(0,\)"),
        ({"shape": (-3,)}, r"shape=\(-3,\)"),
        ({"shape": (2.5,)}, r"shape=\(2.5,\)"),
        ({"shape": "abc"}, "shape='abc'"),
        ({"shape": (True,)}, r"shape=\(True,\)"),
        ({"shape": (3,), "batch_shape": (None, 3)}, "both shape"),
        ({"batch_size": 2, "batch_shape": (None, 3)}, "both batch_size"),
        ({"batch_shape": ()}, "batch axis"),
        ({"shape": (3,), "batch_size": 0}, "batch_size=0"),
        ({"shape": (3,), "dtype": "float16"}, "float16.*float32"),
        ({"shape": (3,), "dtype": "complex64"}, "'complex64'"),
        ({"shape": (3,), "sparse": True}, "sparse=True.*dense"),
        ({"shape": (3,), "ragged": True}, "ragged=True.*Pad"),
        ({"shape": (3,), "optional": True}, "optional=True"),
        ({"tensor": 3}, "tensor=3"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Input(**arguments)
