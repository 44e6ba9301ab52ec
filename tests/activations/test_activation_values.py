"""What activations compute: against the formula for one number, and in both dtypes."""

import numpy as np
import pytest

from minidl import activations, config
from tests.activations.activation_cases import ALL, AXIS_CASES, CASES

GRID = np.concatenate([np.linspace(-12, 12, 481), [-3.0, 0.5, 6.0, 1e-9, -1e-9]])


@pytest.mark.parametrize("name", CASES)
def test_formula_in_float64(name):
    case = CASES[name]
    expected = np.array([case.formula(z) for z in GRID.tolist()])
    np.testing.assert_allclose(case.activation(GRID), expected, rtol=2e-13, atol=3e-16)


@pytest.mark.parametrize("name", CASES)
def test_formula_in_float32(name):
    case = CASES[name]
    z = GRID.astype(np.float32)
    expected = np.array([case.formula(v) for v in z.tolist()])
    y = case.activation(z)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=5e-6, atol=3e-7)


@pytest.mark.parametrize("name", AXIS_CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-14), ("float32", 1e-6)])
def test_formula_along_an_axis(name, dtype, tolerance):
    activation, formula = AXIS_CASES[name]
    z = np.random.default_rng(0).normal(0, 2, (2, 3, 4)).astype(dtype)
    y = activation(z)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, formula(z.astype(np.float64)), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_shape_and_arguments_stay(name, dtype):
    activation = ALL[name]
    z = np.random.default_rng(0).normal(0, 2, (2, 3, 4)).astype(dtype)
    z_before = z.copy()
    z.flags.writeable = False
    y, residuals = activation.forward(z)
    assert y.dtype == dtype
    assert y.shape == activation.compute_output_shape(z.shape)
    dy = np.random.default_rng(1).normal(0, 2, y.shape).astype(dtype)
    dy_before, y_before = dy.copy(), y.copy()
    dy.flags.writeable = y.flags.writeable = False
    dz = activation.backward(residuals, dy)
    assert dz.dtype == dtype
    assert dz.shape == z.shape
    np.testing.assert_array_equal(z, z_before)
    np.testing.assert_array_equal(y, y_before)
    np.testing.assert_array_equal(dy, dy_before)
    # The residuals serve a second time: backward has not used them up.
    np.testing.assert_array_equal(activation.backward(residuals, dy), dz)
    assert vars(activation).keys() == activation.get_config().keys()


@pytest.mark.parametrize("name", ALL)
def test_memory_layout_does_not_matter(name):
    activation = ALL[name]
    z = np.random.default_rng(0).normal(0, 2, (4, 6, 8))
    strided = z[::2, 1:4, ::2]
    expected, residuals = activation.forward(strided.copy())
    y, strided_residuals = activation.forward(strided)
    np.testing.assert_array_equal(y, expected)
    dy = np.asfortranarray(np.random.default_rng(1).normal(0, 2, y.shape))
    np.testing.assert_array_equal(
        activation.backward(strided_residuals, dy), activation.backward(residuals, dy.copy())
    )


@pytest.mark.parametrize("name", ALL)
def test_an_empty_batch_gives_an_empty_batch(name):
    activation = ALL[name]
    z = np.empty((2, 0, 4) if name.endswith("_0") else (0, 3, 4), np.float32)
    y, residuals = activation.forward(z)
    assert y.shape == activation.compute_output_shape(z.shape)
    assert activation.backward(residuals, y).shape == z.shape


@pytest.mark.parametrize("name", CASES)
def test_single_numbers_and_integers(name):
    case = CASES[name]
    y = case.activation(2)
    assert y.shape == ()
    assert y.dtype == config.floatx()
    assert y == pytest.approx(case.formula(2.0), rel=1e-6)
    assert case.activation([1, 2]).dtype == config.floatx()
    assert case.activation(np.array([True])).dtype == config.floatx()
    assert case.activation(-1.5) == pytest.approx(case.formula(-1.5), rel=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_nan_stays_visible(name):
    z = np.full((2, 3, 4), np.nan)
    with np.errstate(invalid="ignore"):
        assert np.isnan(ALL[name](z)).all()


def test_options_of_a_call_make_another_activation():
    z = np.array([-2.0, 1.0, 9.0])
    np.testing.assert_array_equal(activations.relu(z, max_value=6), [0, 1, 6])
    np.testing.assert_array_equal(activations.relu(z, 0.5), [-1, 1, 9])
    np.testing.assert_array_equal(activations.leaky_relu(z, negative_slope=0.5), [-1, 1, 9])
    np.testing.assert_array_equal(activations.relu(z), [0, 1, 9])
    np.testing.assert_allclose(activations.softmax(np.zeros((2, 4)), axis=0), 0.5)
    exact, approximate = activations.gelu(1.0), activations.gelu(1.0, approximate=True)
    assert 1e-5 < abs(exact - approximate) < 1e-3
    with pytest.raises(TypeError, match="takes no arguments"):
        activations.sigmoid(z, axis=1)


@pytest.mark.parametrize("z", [["a"], [1j], [None], np.array(["x", "y"])])
def test_what_is_no_number_is_an_error(z):
    with pytest.raises(TypeError, match="expected real numbers"):
        activations.relu(z)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_axis_must_be_integers(name):
    for axis in ("last", 1.0, None, (), (0, "1"), True):
        with pytest.raises(ValueError, match="expected an integer"):
            activations.get(name)(np.zeros((2, 2)), axis=axis)


@pytest.mark.parametrize(
    "make",
    [
        lambda: activations.Relu(negative_slope=-0.1),
        lambda: activations.Relu(max_value=-1),
        lambda: activations.Relu(threshold=-1),
        lambda: activations.Relu(threshold=float("nan")),
        lambda: activations.LeakyRelu(-1),
        lambda: activations.LeakyRelu("0.2"),
        lambda: activations.Elu(-1),
        lambda: activations.Celu(0),
        lambda: activations.Glu(axis=(0, 1)),
    ],
)
def test_bad_arguments_are_named(make):
    with pytest.raises(
        ValueError, match=r"received (negative_slope|max_value|threshold|alpha|axis)="
    ):
        make()


def test_glu_needs_an_even_size():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), expected an even size at axis -1"):
        activations.glu(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="expected an even size at axis 2"):
        activations.Glu(axis=2)(np.zeros((2, 4)))
    assert activations.glu.compute_output_shape((None, 6)) == (None, 3)
    assert activations.glu.compute_output_shape((None, None)) == (None, None)
    assert activations.Glu(axis=1).compute_output_shape((None, 4, 5)) == (None, 2, 5)
