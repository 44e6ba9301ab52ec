"""What must hold for every layer of the table: exact gradients, purity, dtypes, shapes, configs."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

import minidl.layers as layers
from minidl.layers import Input, Layer
from tests.layers.layer_cases import CASES, listed, make, rewind


def skips_dx(name):
    return "need_dx" in inspect.signature(CASES[name].make().backward).parameters


OWN_TESTS = {"Dense", "Embedding", "Lambda"}  # integers go in; a function goes in
OWN_TESTS |= {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}  # several outputs
OWN_TESTS |= {"CategoryEncoding", "Discretization"}  # categories and texts go in
OWN_TESTS |= {"IntegerLookup", "StringLookup", "TextVectorization"}

every_case = pytest.mark.parametrize("name", CASES)
both_modes = pytest.mark.parametrize("training", [False, True])


def test_the_table_has_every_public_layer():
    public = {
        cls.__name__  # not the name it goes by: aliases need no tests of their own
        for cls in vars(layers).values()
        if inspect.isclass(cls) and issubclass(cls, Layer) and cls is not Layer
    }
    assert public - OWN_TESTS <= {name.split("-")[0] for name in CASES}
    assert public <= set(layers.__all__)


def numeric_gradient(value, array, step=1e-5):
    """Return the central differences of `value()` in every entry of `array`."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        old = array[index]
        array[index] = old + step
        above = value()
        array[index] = old - step
        below = value()
        array[index] = old
        gradient[index] = (above - below) / (2 * step)
    return gradient


@every_case
@both_modes
def test_gradients_are_those_of_central_differences(name, training):
    layer, x = make(name)
    back = rewind(layer)
    y, residuals = layer.forward(x, training=training)
    cotangent = np.random.default_rng(1).normal(size=y.shape)
    dx = listed(layer.backward(residuals, cotangent))
    grads = [p.grad.copy() for p in layer.trainable_weights]

    def value():
        back()
        return float((layer.forward(x, training=training)[0] * cotangent).sum())

    arrays = listed(x) + [p.value for p in layer.trainable_weights]
    for i, (gradient, array) in enumerate(zip(dx + grads, arrays, strict=True)):
        np.testing.assert_allclose(
            gradient, numeric_gradient(value, array), rtol=2e-7, atol=2e-8, err_msg=f"array {i}"
        )


@every_case
@both_modes
def test_arguments_and_layer_are_left_alone(name, training):
    layer, x = make(name)
    for array in listed(x):
        array.flags.writeable = False
    before = dict(vars(layer))
    weights = [w.copy() for w in layer.get_weights()]
    y, residuals = layer.forward(x, training=training)
    dy = np.ones_like(y)
    dy.flags.writeable = False
    kept = [a.copy() for a in listed(x)]
    layer.backward(residuals, dy)
    for array, copy in zip(listed(x), kept, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert vars(layer).keys() == before.keys()
    assert all(vars(layer)[key] is value for key, value in before.items())
    moving = name.startswith("BatchNormalization") and training
    assert moving != all(
        np.array_equal(a, b) for a, b in zip(weights, layer.get_weights(), strict=True)
    )


@every_case
@both_modes
def test_residuals_belong_to_their_call(name, training):
    layer, x = make(name)
    other = [2 * a + 1 for a in x] if isinstance(x, list) else 2 * x + 1
    back = rewind(layer)
    y, residuals = layer.forward(x, training=training)
    dy = np.random.default_rng(2).normal(size=y.shape)
    alone = [d.copy() for d in listed(layer.backward(residuals, dy))]
    back()
    _, first = layer.forward(x, training=training)
    _, second = layer.forward(other, training=training)
    layer.backward(second, dy)
    for a, b in zip(alone, listed(layer.backward(first, dy)), strict=True):
        np.testing.assert_array_equal(a, b)


@every_case
@both_modes
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(name, training, dtype):
    layer, x = make(name, dtype)
    y, residuals = layer.forward(x, training=training)
    assert y.dtype == dtype
    for dx in listed(layer.backward(residuals, np.ones_like(y))):
        assert dx.dtype == dtype
    for parameter in layer.trainable_weights:
        assert parameter.grad.dtype == dtype


@every_case
def test_output_shape_is_told(name):
    layer, x = make(name)
    shape = CASES[name].shape
    y = layer.forward(x)[0]
    assert layer.compute_output_shape(shape) == y.shape
    unknown = [(None, *s[1:]) for s in shape] if isinstance(shape, list) else (None, *shape[1:])
    assert layer.compute_output_shape(unknown) == (None, *y.shape[1:])


@every_case
def test_symbolic_call_tells_shape_and_dtype(name):
    layer, x = make(name)
    shape = CASES[name].shape
    inputs = [Input(batch_shape=(None, *a.shape[1:]), dtype="float64") for a in listed(x)]
    y = layer(inputs if isinstance(shape, list) else inputs[0])
    assert y.dtype == "float64"
    assert y.shape == (None, *layer.forward(x)[0].shape[1:])
    assert y.node.layer is layer
    assert y.node.single is not isinstance(shape, list)


@every_case
@both_modes
def test_config_makes_the_same_layer(name, training):
    layer, x = make(name)
    config = json.loads(json.dumps(layer.get_config()))
    twin = type(layer).from_config(config)
    assert json.loads(json.dumps(twin.get_config())) == config
    twin.ensure_built(CASES[name].shape)
    twin.set_weights(layer.get_weights())
    if layer.seed_generators():
        twin.seed_generators()[0].set_state(layer.seed_generators()[0].get_state())
    np.testing.assert_array_equal(
        twin.forward(x, training=training)[0], layer.forward(x, training=training)[0]
    )


@every_case
@both_modes
def test_memory_layout_does_not_matter(name, training):
    layer, x = make(name)
    back = rewind(layer)
    y, residuals = layer.forward(x, training=training)
    dy = np.random.default_rng(2).normal(size=y.shape)
    dx = listed(layer.backward(residuals, dy))
    back()
    strided = [np.asfortranarray(a) for a in listed(x)]
    y2, residuals = layer.forward(strided if isinstance(x, list) else strided[0], training=training)
    np.testing.assert_allclose(y2, y, rtol=1e-12, atol=1e-12)
    for a, b in zip(listed(layer.backward(residuals, np.asfortranarray(dy))), dx, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@every_case
def test_frozen_parameters_get_no_gradient(name):
    layer, x = make(name)
    layer.trainable = False
    for parameter in layer.weights:
        if parameter.dtype.kind == "f":
            parameter.grad[...] = 7
    y, residuals = layer.forward(x, training=True)
    layer.backward(residuals, np.ones_like(y))
    for parameter in layer.weights:
        if parameter.dtype.kind == "f":
            assert (parameter.grad == 7).all()
    assert layer.trainable_weights == []


@pytest.mark.parametrize("name", [n for n in CASES if skips_dx(n)])
@both_modes
def test_without_dx_the_parameters_still_get_theirs(name, training):
    layer, x = make(name)
    y, residuals = layer.forward(x, training=training)
    dy = np.random.default_rng(2).normal(size=y.shape)
    layer.backward(residuals, dy)
    grads = [p.grad.copy() for p in layer.trainable_weights]
    for parameter in layer.trainable_weights:
        parameter.grad[...] = 0
    assert layer.backward(residuals, dy, need_dx=False) is None
    for parameter, grad in zip(layer.trainable_weights, grads, strict=True):
        np.testing.assert_array_equal(parameter.grad, grad)


KEEP_INTEGERS = (
    "Concatenate",
    "Cropping",
    "Flatten",
    "Identity",
    "InputLayer",
    "Masking",
    "Permute",
    "Repeat",
    "Reshape",
    "Resizing",
    "UpSampling1D",
    "UpSampling2D-nearest",
    "UpSampling3D",
    "ZeroPadding",
)


@every_case
@both_modes
def test_integers_become_floats_or_stay(name, training):
    layer, x = make(name, "float32")
    numbers = [np.arange(a.size, dtype="uint8").reshape(a.shape) for a in listed(x)]
    y = layer.forward(numbers if isinstance(x, list) else numbers[0], training=training)[0]
    assert y.dtype == layer.output_dtype("uint8")
    assert y.dtype == ("uint8" if name.startswith(KEEP_INTEGERS) else "float32")


PRODUCTS = ("BatchNorm", "Multiply", "Dot", "Normalization", "MultiHead", "GroupQuery", "Attention")
LARGE = [n for n in CASES if not n.startswith(PRODUCTS)]  # without those that square their input


@pytest.mark.parametrize("name", LARGE)
@both_modes
@pytest.mark.parametrize("size", [1e-30, 1e25, 1e37])
def test_extreme_inputs_have_finite_outputs(name, training, size):
    layer, x = make(name, "float32")
    scaled = [(a * size).astype("float32") for a in listed(x)]
    y, residuals = layer.forward(scaled if isinstance(x, list) else scaled[0], training=training)
    assert np.isfinite(y).all()
    for dx in listed(layer.backward(residuals, np.ones_like(y))):
        assert np.isfinite(dx).all()


@every_case
def test_an_empty_batch_has_an_empty_output(name):
    layer, x = make(name)
    empty = [a[:0] for a in listed(x)]
    y, residuals = layer.forward(empty if isinstance(x, list) else empty[0])
    assert y.shape == (0, *layer.forward(x)[0].shape[1:])
    for dx, a in zip(listed(layer.backward(residuals, y)), empty, strict=True):
        assert dx.shape == a.shape


@every_case
def test_unknown_arguments_are_named(name):
    with pytest.raises(TypeError, match="nonsense"):
        CASES[name].make(nonsense=3)
