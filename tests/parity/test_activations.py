"""Activations against Keras: values and, by JAX, gradients."""

import numpy as np
import pytest

from minidl import activations

from .table import TABLE

pytestmark = pytest.mark.parity

CASES = {
    "linear": [{}],
    "relu": [
        {},
        {"negative_slope": 0.3},
        {"max_value": 2.0},
        {"max_value": 6.0},
        {"threshold": 1.0},
        {"negative_slope": 0.1, "max_value": 3.0, "threshold": 0.5},
    ],
    "leaky_relu": [{}, {"negative_slope": 0.5}, {"negative_slope": 1.5}],
    "relu6": [{}],
    "sigmoid": [{}],
    "tanh": [{}],
    "softmax": [{}, {"axis": 0}, {"axis": (0, 1)}],
    "log_softmax": [{}, {"axis": 0}],
    "softplus": [{}],
    "softsign": [{}],
    "elu": [{}, {"alpha": 0.5}],
    "selu": [{}],
    "celu": [{}, {"alpha": 2.0}],
    "gelu": [{}, {"approximate": True}],
    "silu": [{}],
    "mish": [{}],
    "exponential": [{}],
    "hard_sigmoid": [{}],
    "hard_silu": [{}],
    "log_sigmoid": [{}],
    "glu": [{}, {"axis": 0}],
}
EACH = [(name, options) for name, several in CASES.items() for options in several]


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def noted(name, part, ours, theirs):
    TABLE.compare(f"activations.{type(getattr(activations, name)).__name__}", part, ours, theirs)


def inputs(dtype):
    z = np.random.default_rng(0).normal(0, 4, (40, 6))
    # Far out too, but within what Keras's own formulas stand, and never on a kink.
    z[0] = [-30, 30, -15, 15, 0.01, -0.01]
    return z.astype(dtype)


@pytest.mark.parametrize(("name", "options"), EACH)
def test_values(keras, name, options):
    z = inputs("float32")
    expected = np.asarray(getattr(keras.activations, name)(z, **options))
    y = getattr(activations, name)(z, **options)
    noted(name, "value", y, expected)
    assert y.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), EACH)
def test_gradients(keras, name, options):
    if keras.backend.backend() != "jax":
        pytest.skip("gradients come from JAX: KERAS_BACKEND=jax")
    import jax

    z = inputs("float32")
    function = getattr(keras.activations, name)
    y, pullback = jax.vjp(lambda z: function(z, **options), z)
    dy = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
    (expected,) = pullback(dy)
    ours = type(getattr(activations, name))(**options)
    dz = ours.backward(ours.forward(z)[1], dy)
    noted(name, "gradient", dz, expected)
    np.testing.assert_allclose(dz, expected, rtol=2e-5, atol=2e-6)


# Keras on JAX computes tanh in floatx, whatever comes in.
@pytest.mark.parametrize(("name", "options"), [case for case in EACH if case[0] != "tanh"])
def test_values_and_gradients_in_float64(keras, name, options):
    if keras.backend.backend() != "jax":
        pytest.skip("float64 comes from JAX: KERAS_BACKEND=jax")
    import jax

    home = jax if hasattr(jax, "enable_x64") else jax.experimental
    z = inputs("float64")
    function = getattr(keras.activations, name)
    with home.enable_x64(True):
        y, pullback = jax.vjp(lambda z: function(z, **options), z)
        dy = np.random.default_rng(1).normal(size=y.shape)
        (expected,) = pullback(dy)
        y, expected = np.asarray(y), np.asarray(expected)
    assert y.dtype == np.float64
    ours = type(getattr(activations, name))(**options)
    our_y, residuals = ours.forward(z)
    dz = ours.backward(residuals, dy)
    noted(name, "value", our_y, y)
    noted(name, "gradient", dz, expected)
    np.testing.assert_allclose(our_y, y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dz, expected, rtol=1e-11, atol=1e-13)


# Keras's slope at the kink, where it is that of one side. (In the middle of a jump it is, on JAX,
# half the jump wherever Keras clips; there the choice here is the flat side.)
@pytest.mark.parametrize(
    ("name", "options", "kinks"),
    [
        ("relu", {}, [0.0]),
        ("relu", {"negative_slope": 0.3}, [0.0]),
        ("relu", {"threshold": 1.0}, [1.0]),
        ("relu", {"max_value": 6.0}, [0.0, 6.0]),
        ("leaky_relu", {}, [0.0]),
        ("relu6", {}, [0.0, 6.0]),
        ("hard_sigmoid", {}, [-3.0, 3.0]),
        ("hard_silu", {}, [-3.0]),
        ("elu", {"alpha": 0.5}, [0.0]),
        ("selu", {}, [0.0]),
        ("celu", {}, [0.0]),
        ("softsign", {}, [0.0]),
    ],
)
def test_slopes_at_kinks(keras, name, options, kinks):
    if keras.backend.backend() != "jax":
        pytest.skip("gradients come from JAX: KERAS_BACKEND=jax")
    import jax

    z = np.array(kinks, np.float32)
    function = getattr(keras.activations, name)
    expected = jax.grad(lambda z: function(z, **options).sum())(z)
    ours = type(getattr(activations, name))(**options)
    dz = ours.backward(ours.forward(z)[1], np.ones_like(z))
    np.testing.assert_allclose(dz, expected, rtol=1e-6)


def test_names_and_serialized_forms(keras):
    ours = {
        n
        for n in activations.__all__
        if isinstance(getattr(activations, n), activations.Activation)
    }
    for name in ours:
        function = getattr(keras.activations, name)
        assert keras.activations.get(name) is function
        expected = keras.activations.serialize(function)
        assert activations.serialize(activations.get(name)) == expected
