"""Rescaling and Normalization, the layers that data meet first."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from minidl.layers import Input, Normalization, Rescaling

RNG = np.random.default_rng(0)
DATA = RNG.normal([1.0, -20.0, 300.0], [2.0, 5.0, 0.1], (1000, 3))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32", "float64"])
@pytest.mark.parametrize("own", ["float32", "float64"])
def test_rescaling_makes_its_own_dtype_of_any(dtype, own):
    x = np.array([[0, 1, 255]]).astype(dtype)
    layer = Rescaling(1 / 255, offset=-0.5, dtype=own)
    y = layer(x)
    assert y.dtype == own
    np.testing.assert_allclose(y, x.astype("float64") / 255 - 0.5, rtol=1e-6)
    assert layer(Input((3,), dtype=dtype)).dtype == own


def test_rescaling_by_arrays():
    x = np.ones((2, 4, 3), "uint8")
    y = Rescaling([1, 2, 3], offset=np.array([[0.0], [1.0], [2.0], [3.0]]))(x)
    np.testing.assert_array_equal(y[0], [[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6]])
    assert Rescaling(np.array([1.0, 2.0])).get_config()["scale"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rescaling("big"), "scale='big'"),
        (lambda: Rescaling(None), "scale=None"),
        (lambda: Rescaling(float("inf")), "scale=inf"),
        (lambda: Rescaling(1, offset=float("nan")), "offset=nan"),
        (lambda: Rescaling([1, 2])(np.ones((4, 3))), r"\(4, 3\).*scale of shape \(2,\)"),
        (lambda: Rescaling([1, 2])(Input((3,))), r"scale of shape \(2,\)"),
        (lambda: Rescaling(1, np.ones((2, 1, 3)))(np.ones((4, 3))), "offset of shape"),
        (lambda: Rescaling([1, 2])(np.ones((4, 1))), "does not broadcast"),
    ],
)
def test_what_rescaling_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_adapt_finds_mean_and_biased_variance():
    layer = Normalization(dtype="float64")
    layer.adapt(DATA)
    np.testing.assert_allclose(layer.adapt_mean.value, DATA.mean(axis=0))
    np.testing.assert_allclose(layer.adapt_variance.value, DATA.var(axis=0))
    assert layer.count.value == 1000
    assert layer.mean.shape == layer.variance.shape == (1, 3)
    np.testing.assert_allclose(layer(DATA).mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(layer(DATA).var(axis=0), 1)
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"]
    assert layer.trainable_weights == []
    layer.adapt(DATA[:10])
    np.testing.assert_allclose(layer.adapt_mean.value, DATA[:10].mean(axis=0))


def test_invert_goes_back():
    forth, back = Normalization(dtype="float64"), Normalization(invert=True, dtype="float64")
    forth.adapt(DATA)
    back.adapt(DATA)
    np.testing.assert_allclose(back(forth(DATA)), DATA)


class Frame:
    """Something with `__array__`, like a pandas frame."""

    def __array__(self, dtype=None, copy=None):
        return DATA


class Batches:
    """Like a PyDataset: a length and items, and no end of them."""

    def __len__(self):
        return 7

    def __getitem__(self, i):
        return DATA[i * 150 : (i + 1) * 150], "labels"


@pytest.mark.parametrize(
    "data",
    [
        lambda: Frame(),
        lambda: Batches(),
        lambda: [DATA[:1], DATA[1:400], DATA[400:]],
        lambda: (DATA[i : i + 64] for i in range(0, 1000, 64)),
        lambda: ((DATA[i : i + 64], None) for i in range(0, 1000, 64)),
    ],
    ids=["frame", "dataset", "list", "generator", "pairs"],
)
def test_adapt_takes_batches(data):
    layer = Normalization(dtype="float64")
    layer.adapt(data())
    np.testing.assert_allclose(layer.adapt_mean.value, DATA.mean(axis=0))
    np.testing.assert_allclose(layer.adapt_variance.value, DATA.var(axis=0))


def test_adapt_reads_a_memory_map_in_pieces(tmp_path):
    path = tmp_path / "big.npy"
    rows = np.lib.format.open_memmap(path, "w+", "uint8", (200_000, 20))
    rows[:] = RNG.integers(0, 256, (200_000, 20), dtype="uint8")
    layer = Normalization()
    tracemalloc.start()
    layer.adapt(np.load(path, mmap_mode="r"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # float64 in one piece would be 32 MB, twice over
    np.testing.assert_allclose(layer.adapt_mean.value, rows.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(layer.adapt_variance.value, rows.var(axis=0), rtol=1e-5)


def test_a_large_mean_costs_no_digits():
    x = (RNG.normal(size=(5000, 2)) + 1e6).astype("float32")
    layer = Normalization()
    layer.adapt(x)
    np.testing.assert_allclose(
        layer.adapt_variance.value, x.var(axis=0, dtype="float64"), rtol=1e-6
    )


@pytest.mark.parametrize("axis", [None, 1, 2, -1, (1, 2), (-1, 1), [2, 1]])
def test_axes(axis):
    x = RNG.normal(3.0, 2.0, (50, 3, 4))
    layer = Normalization(axis=axis, dtype="float64")
    layer.adapt(x)
    kept = () if axis is None else {a % 3 for a in np.atleast_1d(axis)}
    others = tuple(a for a in range(3) if a not in kept)
    np.testing.assert_allclose(layer.mean, x.mean(axis=others, keepdims=True))
    np.testing.assert_allclose(layer(x).std(axis=others), 1)
    assert layer.adapt_mean.shape == tuple(x.shape[a] for a in sorted(kept))


def test_given_statistics_make_no_weights():
    layer = Normalization(mean=[1.0, 2.0], variance=[4.0, 0.0])
    y = layer(np.array([[3.0, 2.0]]))
    np.testing.assert_array_equal(y, [[1, 0]])
    assert y.dtype == "float32"
    assert layer.weights == []
    assert layer.get_config()["mean"] == [1.0, 2.0]
    assert Normalization(mean=3.0, variance=2.0)(np.array([[3.0]])) == 0
    assert Normalization().get_config()["mean"] is None
    assert Normalization().mean is None


def test_constant_features_are_divided_by_epsilon():
    layer = Normalization(dtype="float64")
    layer.adapt(np.full((5, 1), 3.0))
    np.testing.assert_allclose(layer(np.array([[3.0], [3.1]])), [[0], [1e6]])


def test_loaded_statistics_count_as_adapted():
    layer = Normalization()
    layer.ensure_built((None, 2))
    layer.set_weights([np.array([1.0, 2.0]), np.array([4.0, 9.0]), np.array(0)])
    np.testing.assert_array_equal(layer(np.array([[3.0, 2.0]])), [[1, 0]])


def test_data_with_mean_0_and_variance_1_count_as_adapted():
    layer = Normalization()
    layer.adapt(np.array([[-1.0], [1.0]]))
    np.testing.assert_array_equal(layer(np.array([[2.0]])), [[2]])


def with_nan():
    data = DATA.copy()
    data[5, 1] = np.nan
    return data


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: Normalization()(DATA), r"no statistics yet.*adapt"),
        (lambda: Normalization(mean=1.0), "both or neither"),
        (lambda: Normalization(variance=1.0), "both or neither"),
        (lambda: Normalization(mean=[1.0], variance=[1.0, 2.0]), "same shape"),
        (lambda: Normalization(mean=[[1.0]], variance=[[1.0]]), "at most 1 axes"),
        (lambda: Normalization(mean=1.0, variance=-1.0), "negative variance"),
        (lambda: Normalization(mean=[1.0, 2], variance=[1.0, 2])(DATA), "does not broadcast"),
        (lambda: Normalization(mean=1.0, variance=1.0).adapt(DATA), "nothing to adapt"),
        (lambda: Normalization(axis="a"), "axis='a'"),
        (lambda: Normalization(axis=2).adapt(DATA), r"axis=\(2,\)"),
        (lambda: Normalization().adapt(np.arange(5.0)), "known sizes|batch axis"),
        (lambda: Normalization().adapt(DATA[:0]), "no data"),
        (lambda: Normalization().adapt([]), "no data"),
        (lambda: Normalization().adapt(with_nan()), r"NaN.*\[1\]"),
        (lambda: Normalization().adapt([DATA, DATA[:, :2]]), "size 3 on axis 1"),
        (lambda: Normalization()(Input((None,))), "known sizes"),
    ],
)
def test_what_normalization_refuses(run, message):
    with pytest.raises(ValueError, match=message):
        run()


@pytest.mark.parametrize(
    "data", [3, "text", [[1.0, 2.0]], np.array(["a"]), np.array(3.0), {"a": 1}]
)
def test_what_adapt_cannot_read(data):
    with pytest.raises(TypeError, match="adapt received"):
        Normalization().adapt(data)
