"""Initializers: formulas, moments, seeds, dtypes, configs, and what they refuse."""

import copy
import json
import math

import numpy as np
import pytest

from minidl import config, initializers, random
from minidl.initializers import compute_fans
from minidl.random import SeedGenerator

MAKERS = {
    "zeros": initializers.Zeros,
    "ones": initializers.Ones,
    "constant": initializers.Constant,
    "identity": initializers.Identity,
    "random_normal": initializers.RandomNormal,
    "random_uniform": initializers.RandomUniform,
    "truncated_normal": initializers.TruncatedNormal,
    "variance_scaling": initializers.VarianceScaling,
    "orthogonal": initializers.Orthogonal,
    "glorot_uniform": initializers.GlorotUniform,
    "glorot_normal": initializers.GlorotNormal,
    "he_uniform": initializers.HeUniform,
    "he_normal": initializers.HeNormal,
    "lecun_uniform": initializers.LecunUniform,
    "lecun_normal": initializers.LecunNormal,
}
RANDOM = [n for n, cls in MAKERS.items() if issubclass(cls, initializers.RandomInitializer)]
DTYPES = ["float32", "float64"]
BIG = (400, 500)


def drawn(initializer, shape=BIG):
    return initializer(shape, dtype="float64")


# What every initializer does


def test_the_table_holds_every_registered_class():
    registered = set(initializers.registry.classes())
    assert registered == {*MAKERS.values(), initializers.ArrayInitializer}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [None, *DTYPES])
def test_shape_and_dtype(name, dtype):
    w = MAKERS[name]()((3, 5), dtype=dtype)
    assert w.shape == (3, 5)
    assert w.dtype == (dtype or config.floatx())
    assert w.flags.c_contiguous
    assert w.flags.writeable


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in ("identity", "orthogonal")])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4), (3, 3, 2, 5), (0, 4), [2, 3], 7])
def test_every_rank(name, shape):
    assert MAKERS[name]()(shape).shape == np.empty(shape).shape


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("shape", [(3, None), (-1, 2), (2.0, 3), "ab", None, (True, 2)])
def test_a_shape_that_is_not_known_is_an_error(name, shape):
    with pytest.raises(ValueError, match="expected known, non-negative integers"):
        MAKERS[name]()(shape)


@pytest.mark.parametrize("name", MAKERS)
def test_names_and_configs(name):
    cls = MAKERS[name]
    assert type(initializers.get(name)) is cls
    assert type(initializers.get(cls.__name__)) is cls
    assert type(initializers.get(cls)) is cls
    assert getattr(initializers, name) is cls
    instance = cls()
    assert initializers.get(instance) is instance
    serialized = json.loads(json.dumps(initializers.serialize(instance)))
    assert serialized["module"] == "keras.initializers"
    assert serialized["class_name"] == cls.__name__
    again = initializers.deserialize(serialized)
    assert type(again) is cls
    assert again.get_config() == instance.get_config() == instance.clone().get_config()


def test_short_names():
    for name, cls in {
        "normal": initializers.RandomNormal,
        "uniform": initializers.RandomUniform,
        "one": initializers.Ones,
        "zero": initializers.Zeros,
        "IdentityInitializer": initializers.Identity,
        "OrthogonalInitializer": initializers.Orthogonal,
    }.items():
        assert type(initializers.get(name)) is cls
    assert initializers.get(None) is None


def test_unknown_names_tell_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(TypeError, match="as initializer, expected"):
        initializers.get(3)


# Constants


def test_constants():
    np.testing.assert_array_equal(initializers.Zeros()((2, 2)), 0)
    np.testing.assert_array_equal(initializers.Ones()((2, 2)), 1)
    np.testing.assert_array_equal(initializers.Constant(-2.5)((2, 2)), -2.5)
    np.testing.assert_array_equal(initializers.Constant(-np.inf)(2), -np.inf)
    np.testing.assert_array_equal(initializers.Identity(3)((2, 3)), [[3, 0, 0], [0, 3, 0]])


@pytest.mark.parametrize("name", ["zeros", "ones", "constant"])
def test_constants_may_be_integers(name):
    assert initializers.get(name)((2,), dtype="int64").dtype == np.int64


# Seeds


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_integer_gives_the_same_values_at_every_call(name, dtype):
    first, other = MAKERS[name](seed=3), MAKERS[name](seed=3)
    w = first((4, 5), dtype=dtype)
    np.testing.assert_array_equal(first((4, 5), dtype=dtype), w)
    np.testing.assert_array_equal(other((4, 5), dtype=dtype), w)
    assert (MAKERS[name](seed=4)((4, 5), dtype=dtype) != w).any()


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_every_call_differs_and_the_root_seed_fixes_all(name):
    random.set_root_seed(11)
    initializer = MAKERS[name]()
    first, second = initializer((4, 5)), initializer((4, 5))
    assert (first != second).any()
    random.set_root_seed(11)
    again = MAKERS[name]()
    np.testing.assert_array_equal(again((4, 5)), first)
    np.testing.assert_array_equal(again((4, 5)), second)


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_generator_goes_on(name):
    initializer = MAKERS[name](seed=SeedGenerator(5))
    first, second = initializer((4, 5)), initializer((4, 5))
    assert (first != second).any()
    np.testing.assert_array_equal(MAKERS[name](seed=SeedGenerator(5))((4, 5)), first)
    serialized = json.loads(json.dumps(initializers.serialize(initializer)))
    assert serialized["config"]["seed"]["class_name"] == "SeedGenerator"
    np.testing.assert_array_equal(initializers.get(serialized)((4, 5)), first)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("seed", [-1, 1.5, "seed", True])
def test_bad_seeds(name, seed):
    with pytest.raises(ValueError, match=r"[Rr]eceived seed="):
        MAKERS[name](seed=seed)


@pytest.mark.parametrize("name", RANDOM)
def test_the_global_generator_is_left_alone(name):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    MAKERS[name]()((4, 5))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# Distributions: 200,000 draws, so a mean is known to 0.0022 deviations, a variance to 0.3 %


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_normal_moments(dtype):
    w = initializers.RandomNormal(mean=2.0, stddev=0.5, seed=0)(BIG, dtype=dtype)
    assert w.mean(dtype="f8") == pytest.approx(2, abs=0.006)
    assert w.std(dtype="f8") == pytest.approx(0.5, rel=0.01)
    z = (w - 2) / 0.5
    assert np.mean(np.abs(z) < 1) == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.006)
    assert np.mean(np.abs(z) > 2) == pytest.approx(0.0455, abs=0.003)


@pytest.mark.parametrize("dtype", DTYPES)
def test_truncated_normal_moments(dtype):
    w = initializers.TruncatedNormal(mean=2.0, stddev=0.5, seed=0)(BIG, dtype=dtype)
    assert w.mean(dtype="f8") == pytest.approx(2, abs=0.006)
    assert w.std(dtype="f8") == pytest.approx(0.5 * 0.87962566103423978, rel=0.01)
    assert np.abs(w - 2).max() <= 1.0000002
    # What lay beyond is spread over the inside in proportion, not heaped on the ends.
    inside = math.erf(1 / math.sqrt(2)) / math.erf(2 / math.sqrt(2))
    assert np.mean(np.abs(w - 2) < 0.5) == pytest.approx(inside, abs=0.006)
    assert np.mean(np.abs(w - 2) > 0.99) < 0.003


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_uniform_moments(dtype):
    w = initializers.RandomUniform(minval=-1.0, maxval=3.0, seed=0)(BIG, dtype=dtype)
    assert -1 <= w.min() < -0.999
    assert 2.999 < w.max() <= 3
    assert w.mean(dtype="f8") == pytest.approx(1, abs=0.015)
    assert w.var(dtype="f8") == pytest.approx(16 / 12, rel=0.01)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize(
    "distribution", ["truncated_normal", "untruncated_normal", "uniform", "normal"]
)
def test_variance_scaling_has_the_variance_it_promises(mode, distribution):
    w = drawn(initializers.VarianceScaling(3.0, mode, distribution, seed=0))
    n = {"fan_in": 400, "fan_out": 500, "fan_avg": 450}[mode]
    deviation = math.sqrt(3 / n)
    assert w.var() == pytest.approx(3 / n, rel=0.02)
    assert abs(w.mean()) < 0.01 * deviation
    greatest = np.abs(w).max() / deviation
    bounds = {"uniform": (1.73, 1.7321), "untruncated_normal": (4, 6)}
    low, high = bounds.get(distribution, (2.27, 2 / 0.8796))
    assert low < greatest <= high


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 900),
        ("glorot_normal", 2 / 900),
        ("he_uniform", 2 / 400),
        ("he_normal", 2 / 400),
        ("lecun_uniform", 1 / 400),
        ("lecun_normal", 1 / 400),
    ],
)
def test_variances_of_the_named_ones(name, variance):
    w = drawn(MAKERS[name](seed=0))
    assert w.var() == pytest.approx(variance, rel=0.02)
    highest = 3 if "uniform" in name else 4 / 0.87962566103423978**2
    assert np.abs(w).max() == pytest.approx(math.sqrt(highest * variance), rel=1e-3)
    assert np.abs(w).max() <= math.sqrt(highest * variance)


def test_variance_of_a_convolution_kernel_counts_the_window():
    w = drawn(initializers.HeNormal(seed=0), (5, 5, 40, 100))
    assert w.var() == pytest.approx(2 / (5 * 5 * 40), rel=0.03)


def test_axes_of_the_fans_can_be_named():
    axes = {"input_axes": [1], "output_axes": [0, 2]}
    w = drawn(initializers.LecunNormal(seed=0, **axes), (20, 500, 20))
    assert w.var() == pytest.approx(1 / 500, rel=0.03)
    assert initializers.LecunNormal(**axes).get_config() == {"seed": None, **axes}


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 4), (3, 4)),
        ((5, 3, 4), (15, 20)),
        ((2, 5, 3, 4), (30, 40)),
        ((2, 2, 5, 3, 4), (60, 80)),
    ],
)
def test_fans(shape, fans):
    assert compute_fans(shape) == fans


def test_fans_of_named_axes():
    assert compute_fans((2, 3, 4, 5), input_axes=[0, 3], output_axes=[1]) == (10, 3)
    with pytest.raises(ValueError, match=r"axes \[4\] for a kernel of shape \(2, 3\)"):
        compute_fans((2, 3), input_axes=[4], output_axes=[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (3, 3, 2, 5), (2, 1, 40), (4, 1)])
def test_orthogonal(shape, dtype):
    w = initializers.Orthogonal(gain=-2.0, seed=0)(shape, dtype=dtype)
    assert w.dtype == dtype
    q = w.reshape(-1, shape[-1]) / 2
    gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=3e-6 if dtype == "float32" else 1e-14)


def test_orthogonal_matrices_are_all_equally_likely():
    """Without the signs the diagonal of Q would nearly always be negative."""
    generator = SeedGenerator(0)
    make = initializers.Orthogonal(seed=generator)
    traces = [np.trace(make((3, 3), dtype="float64")) for _ in range(2000)]
    assert np.mean(traces) == pytest.approx(0, abs=0.1)  # E tr Q = 0 and Var tr Q = 1
    assert np.var(traces) == pytest.approx(1, abs=0.15)


# Bad arguments


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: initializers.RandomNormal(stddev=-1), "RandomNormal: received stddev=-1"),
        (lambda: initializers.RandomNormal(mean=math.nan), "received mean=nan"),
        (lambda: initializers.TruncatedNormal(stddev="x"), "received stddev='x'"),
        (lambda: initializers.RandomUniform(1.0, 0.0), "received maxval=0.0, expected a number at"),
        (lambda: initializers.VarianceScaling(0), "received scale=0, expected a number above 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), r"received mode='fan', expected one of"),
        (lambda: initializers.VarianceScaling(distribution="gauss"), "distribution='gauss'"),
        (lambda: initializers.GlorotNormal(input_axes=[0]), "GlorotNormal: .* both or neither"),
        (lambda: initializers.Orthogonal(gain=math.inf), "received gain=inf"),
        (lambda: initializers.Constant("1"), "received value='1', expected a number"),
        (lambda: initializers.Constant(np.ones(2)), "give it as the initializer itself"),
        (lambda: initializers.Identity()((2, 2, 2)), "expected two: only a matrix"),
        (lambda: initializers.Orthogonal()((3,)), r"received shape=\(3,\), expected two axes"),
        (lambda: initializers.HeNormal()((3,), dtype="int32"), "Received dtype 'int32'"),
    ],
)
def test_bad_arguments_are_named(make, match):
    with pytest.raises(ValueError, match=match):
        make()


# Functions and arrays


def test_a_function_is_an_initializer():
    def ramp(shape, dtype=None):
        return np.arange(math.prod(shape)).reshape(shape)

    initializer = initializers.get(ramp)
    w = initializer((2, 2), dtype="float32")
    assert w.dtype == np.float32
    np.testing.assert_array_equal(w, [[0, 1], [2, 3]])
    with pytest.raises(ValueError, match="'ramp' was a plain function"):
        initializers.deserialize(initializers.serialize(initializer))
    with pytest.raises(ValueError, match=r"<lambda> gave values of shape \(1,\), expected \(2,\)"):
        initializers.get(lambda shape, dtype=None: np.zeros(1))((2,))


def test_a_function_keeps_what_it_returned():
    kept = np.zeros(2, np.float32)
    w = initializers.get(lambda shape, dtype=None: kept)((2,))
    w += 1
    np.testing.assert_array_equal(kept, 0)


def test_an_array_is_an_initializer():
    values = np.arange(6.0).reshape(2, 3)
    initializer = initializers.get(values)
    w = initializer((2, 3), dtype="float32")
    assert w.dtype == np.float32
    np.testing.assert_array_equal(w, values)
    w += 1
    np.testing.assert_array_equal(initializer((2, 3)), values)
    config = json.loads(json.dumps(initializers.serialize(initializer)))
    np.testing.assert_array_equal(initializers.deserialize(config)((2, 3)), values)
    with pytest.raises(ValueError, match=r"shape \(2, 3\), expected \(3, 2\)"):
        initializer((3, 2))


def test_an_own_class():
    class Halves(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.full(shape, 0.5, dtype)

    assert initializers.get(Halves)((1,), "float32") == 0.5
    with pytest.raises(NotImplementedError, match="has no __call__"):
        initializers.Initializer()((1,))
    assert repr(copy.copy(initializers.Constant(2))) == "Constant(value=2)"
