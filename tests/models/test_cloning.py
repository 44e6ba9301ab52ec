"""`clone_model`: the same architecture, other layers, and what may be changed on the way."""

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers
from minidl.models import clone_model
from tests.saving.models import MODELS, predictions, shake, some_inputs


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_the_same_architecture_with_layers_of_its_own(make):
    model = make(minidl)
    shake(model)
    clone = clone_model(model)
    assert type(clone) is type(model)
    assert [la.name for la in clone.layers] == [la.name for la in model.layers]
    assert not {id(w) for w in model.weights} & {id(w) for w in clone.weights}
    clone.set_weights(model.get_weights())
    x = some_inputs(model)
    for a, b in zip(predictions(model, x), predictions(clone, x), strict=True):
        np.testing.assert_array_equal(a, b)


def two_branches():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = layers.Dense(3, name="shared")
    inner = Sequential([Input((3,)), layers.Dense(2), layers.Dropout(0.5)], name="inner")
    return Model([a, b], inner(layers.Add(name="sum")([shared(a), shared(b)])))


def test_a_clone_function_sees_every_layer_once_and_may_change_it():
    seen = []

    def wider(layer):
        seen.append(layer.name)
        config = layer.get_config()
        if layer.name == "shared":
            config["activation"] = "tanh"
        return type(layer).from_config(config)

    clone = clone_model(two_branches(), clone_function=wider)
    assert seen == ["shared", "sum", "inner"]
    assert clone.get_layer("shared").activation is minidl.activations.tanh
    assert len(clone.get_layer("shared").nodes) == 2
    seen.clear()
    clone_model(two_branches(), clone_function=wider, recursive=True)
    assert {"shared", "sum"} < set(seen)
    assert "inner" not in seen
    assert len(seen) == 4


def test_input_tensors_and_a_call_function():
    model = two_branches()
    inputs = [Input(batch_shape=(4, 3), name="c"), Input(batch_shape=(4, 3), name="d")]
    called = []

    def call(layer, *args, **kwargs):
        called.append(layer.name)
        return layer(*args, **kwargs)

    clone = clone_model(model, input_tensors=inputs, call_function=call)
    assert clone.input_names == ["c", "d"]
    assert clone.output_shape == (4, 2)
    assert called == ["shared", "shared", "sum", "inner"]
    stack = Sequential([Input((3,)), layers.Dense(2)])
    assert clone_model(stack, input_tensors=Input((3,), name="e")).input_names == ["e"]


def test_a_stack_that_is_not_built_and_a_subclass():
    assert clone_model(Sequential([layers.Dense(2)])).built is False

    class Own(Model):
        def __init__(self, units):
            super().__init__()
            self.units = units
            self.dense = layers.Dense(units)

        def call(self, x):
            return self.dense(x)

    clone = clone_model(Own(3))
    assert type(clone) is Own
    assert clone.units == 3
    with pytest.raises(ValueError, match="cannot be exchanged"):
        clone_model(Own(3), clone_function=lambda layer: layer)


def test_what_does_not_suit():
    with pytest.raises(TypeError, match="expected a model"):
        clone_model(layers.Dense(2))
    with pytest.raises(TypeError, match="returned None for layer 'shared'"):
        clone_model(two_branches(), clone_function=lambda layer: None)
    with pytest.raises(ValueError, match="received 1 input_tensors, expected 2"):
        clone_model(two_branches(), input_tensors=Input((3,)))
    with pytest.raises(TypeError, match="among input_tensors"):
        clone_model(two_branches(), input_tensors=[np.ones(3)] * 2)
    with pytest.raises(ValueError, match="no call_function"):
        clone_model(Sequential([layers.Dense(2)]), call_function=print)


def test_what_is_frozen_stays_frozen():
    model = two_branches()
    model.get_layer("shared").trainable = False
    clone = clone_model(model)
    assert not clone.get_layer("shared").trainable
    assert len(clone.trainable_weights) == len(model.trainable_weights) == 2
