"""From a name, class, config or function to an activation, and back."""

import copy
import json
import pickle

import numpy as np
import pytest

from minidl import activations
from minidl.activations import Activation, FunctionActivation
from minidl.autodiff import NotDifferentiableError
from minidl.registry import snake_case
from tests.activations.activation_cases import ALL

NAMES = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


class Cube(Activation):
    def forward(self, z):
        return z**3, z

    def backward(self, z, dy):
        return 3 * z**2 * dy


class OwnRelu(activations.Relu):
    pass


def test_every_registered_class_is_in_the_table():
    assert {type(a) for a in ALL.values()} == set(activations.registry.classes())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_the_object_of_the_module_and_back(name):
    activation = activations.get(name)
    assert activation is getattr(activations, name)
    assert activations.serialize(activation) == name
    assert activations.deserialize(name) is activation
    assert activation.__name__ == name == snake_case(type(activation).__name__)
    assert type(activations.get(type(activation))) is type(activation)
    assert type(activations.get(type(activation).__name__)) is type(activation)
    assert activations.get(activation) is activation
    assert name in activations.__all__


def test_aliases_and_none():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.swish is activations.silu
    assert activations.get("hard_swish") is activations.hard_swish is activations.hard_silu


@pytest.mark.parametrize("name", ALL)
def test_config_makes_the_same_function_again(name):
    activation = ALL[name]
    config = json.loads(json.dumps(activations.serialize(activation)))
    again = activations.deserialize(config)
    assert type(again) is type(activation)
    assert again.get_config() == activation.get_config()
    z = np.random.default_rng(0).normal(0, 3, (2, 3, 4))
    np.testing.assert_array_equal(again(z), activation(z))
    np.testing.assert_array_equal(copy.deepcopy(activation)(z), activation(z))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(activation))(z), activation(z))


def test_arguments_that_are_not_the_defaults_are_written_out():
    config = activations.serialize(activations.Relu(max_value=6))
    assert config == {
        "module": "keras.activations",
        "class_name": "Relu",
        "config": {"negative_slope": 0.0, "max_value": 6.0, "threshold": 0.0},
        "registered_name": None,
    }
    assert activations.serialize(activations.Softmax(axis=[1, 2]))["config"] == {"axis": [1, 2]}
    assert repr(activations.LeakyRelu(0.1)) == "LeakyRelu(negative_slope=0.1)"


def test_a_class_from_elsewhere_is_never_taken_for_a_built_in_one():
    assert activations.get(Cube)(2.0) == 8
    assert activations.serialize(Cube())["class_name"] == "Cube"
    assert activations.serialize(OwnRelu())["class_name"] == "OwnRelu"


def test_a_registered_class_is_known_by_name(monkeypatch):
    registry = copy.copy(activations.registry)
    registry._factories = dict(registry._factories)
    monkeypatch.setattr(activations, "registry", registry)
    activations.registry.register(Cube)
    assert type(activations.get("cube")) is Cube
    assert type(activations.deserialize(activations.serialize(Cube()))) is Cube


def test_unknown_names_tell_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown activation 'rellu'\. Did you mean 'relu'"):
        activations.get("rellu")
    with pytest.raises(ValueError, match="Did you mean 'Softmax'"):
        activations.get("SoftMax")
    with pytest.raises(TypeError, match="as activation, expected a name"):
        activations.get(3)


def test_a_plain_function_is_an_activation():
    def bent(z):
        return np.abs(z)

    activation = activations.get(bent)
    assert isinstance(activation, FunctionActivation)
    np.testing.assert_array_equal(activation([-1.0, 2.0]), [1, 2])
    assert activation.__name__ == "bent"
    _, residuals = activation.forward(np.array([-1.0, 2.0]))
    assert activation.backward(residuals, np.array([3.0, 4.0])).tolist() == [-3, 4]
    with pytest.raises(ValueError, match="'bent' was a plain function"):
        activations.deserialize(activations.serialize(activation))


def test_a_function_without_a_derivative_serves_prediction_alone():
    activation = activations.get(lambda z: np.unique(z))
    y, residuals = activation.forward(np.array([2.0, 1.0]))
    assert y.tolist() == [1, 2]
    with pytest.raises(NotDifferentiableError, match=r"np\.unique"):
        activation.backward(residuals, y)


def test_a_plain_function_called_relu_is_not_saved_as_the_built_in():
    def relu(z):
        return z + 1

    assert activations.serialize(activations.get(relu)) != "relu"


def test_what_cannot_be_called_is_no_function_activation():
    with pytest.raises(TypeError, match="expected a function"):
        FunctionActivation(3)


def test_half_written_subclasses_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="has no forward"):
        Activation()(1.0)
    with pytest.raises(NotImplementedError, match="has no backward"):
        Activation().backward(None, np.ones(1))
