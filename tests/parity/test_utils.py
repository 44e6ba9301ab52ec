"""utils against real Keras: to_categorical, normalize, pad_sequences, splits, the progress bar."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import utils

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def keras_utils() -> Any:
    import keras

    return keras.utils


def test_to_categorical(keras_utils):
    @given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(10, 12), st.booleans())
    def check(labels, classes, column):
        x = np.array(labels)[:, None] if column else labels
        for number in (None, classes):
            ours, theirs = utils.to_categorical(x, number), keras_utils.to_categorical(x, number)
            np.testing.assert_array_equal(ours, theirs)
            assert ours.shape == theirs.shape

    check()
    for shape in [(4, 3), (2, 3, 1), (2, 1, 3)]:
        x = np.arange(np.prod(shape)).reshape(shape) % 5
        np.testing.assert_array_equal(utils.to_categorical(x), keras_utils.to_categorical(x))


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalize(keras_utils, dtype, order):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 7)).astype(dtype)
    x[2] = 0
    tolerance = {"rtol": 1e-6 if dtype == "float32" else 1e-14}
    ours, theirs = utils.normalize(x, order=order), keras_utils.normalize(x, order=order)
    np.testing.assert_allclose(ours, theirs, **tolerance)
    assert ours.dtype == theirs.dtype
    # Keras takes axis=0 for -1 where it divides (`axis or -1`), so its columns come transposed.
    np.testing.assert_allclose(
        utils.normalize(x, axis=0, order=order),
        keras_utils.normalize(np.ascontiguousarray(x.T), order=order).T,
        **tolerance,
    )


def test_pad_sequences(keras_utils):
    side = st.sampled_from(["pre", "post"])

    @given(
        st.lists(st.lists(st.integers(-9, 9), max_size=6), min_size=1, max_size=5),
        st.none() | st.integers(1, 7),
        st.sampled_from(["int32", "int64", "float32"]),
        side,
        side,
        st.integers(-3, 3),
    )
    def check(sequences, maxlen, dtype, padding, truncating, value):
        ours = utils.pad_sequences(sequences, maxlen, dtype, padding, truncating, value)
        theirs = keras_utils.pad_sequences(sequences, maxlen, dtype, padding, truncating, value)
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype

    check()
    vectors = [np.ones((1, 2)), np.full((3, 2), 2.5), []]
    np.testing.assert_array_equal(
        utils.pad_sequences(vectors, 2, "float32"), keras_utils.pad_sequences(vectors, 2, "float32")
    )
    words = [["a"], ["b", "cd", "e"]]
    np.testing.assert_array_equal(
        utils.pad_sequences(words, 2, object, value="-"),
        keras_utils.pad_sequences(words, 2, object, value="-"),
    )


def test_split_sizes(keras_utils):
    from keras.src.utils.dataset_utils import _rescale_dataset_split_sizes as keras_sizes

    size = st.none() | st.integers(-1, 12) | st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 1.0])

    @given(size, size, st.integers(1, 12))
    def check(left, right, samples):
        x = np.arange(samples)
        if left is None and right is None:
            return
        if isinstance(left, float) and isinstance(right, float) and left + right == 1:
            return  # Keras rounds both and so loses a sample of 0.5 and 0.5 of 5; we do not
        try:
            expected = keras_sizes(left, right, samples)
        except (ValueError, TypeError):
            with pytest.raises(ValueError, match="split_dataset"):
                utils.split_dataset(x, left, right)
            return
        ours = utils.split_dataset(x, left, right)
        assert tuple(map(len, ours)) == expected
        np.testing.assert_array_equal(ours[0], x[: expected[0]])
        np.testing.assert_array_equal(ours[1], x[-expected[1] :])

    check()


@pytest.mark.parametrize("names", [{}, {"stateful_metrics": ["a"]}, {"stateless_metrics": ["a"]}])
def test_progbar_averages(keras_utils, names, capsys):
    def values(progbar):
        for current, a, b in [(1, 0.5, 2.0), (4, 1.5, 3.0), (5, 0.1, 0.2)]:
            progbar.update(current, [("a", a), ("b", b)])
        progbar.update(7, [("b", 5.0)])
        return re.search(r"(- a: .*)\n", capsys.readouterr().out)[1]

    ours = values(utils.Progbar(7, verbose=2, **names))
    assert ours == values(keras_utils.Progbar(7, verbose=2, **names))


def test_packing(keras_utils):
    for parts in [(1,), ([1, 2],), (1, 2), (1, 2, 3)]:
        packed = utils.pack_x_y_sample_weight(*parts)
        assert packed == keras_utils.pack_x_y_sample_weight(*parts)
        unpacked = utils.unpack_x_y_sample_weight(packed)
        assert unpacked == keras_utils.unpack_x_y_sample_weight(packed)


OURS_ALONE = {"BatchedDataset"}  # what the functions return that give Keras's users a tf.data


@pytest.mark.parametrize("name", sorted(set(utils.__all__) - OURS_ALONE))
def test_names_and_arguments(keras_utils, name):
    """Every argument of Keras is here, in its place and with its default."""
    import inspect

    ours = inspect.signature(getattr(utils, name)).parameters
    theirs = inspect.signature(getattr(keras_utils, name)).parameters
    expected = [(p.name, p.default) for p in theirs.values()]
    assert [(p.name, p.default) for p in ours.values()][: len(expected)] == expected


@pytest.mark.parametrize("kind", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("size", [(3, 5), (11, 8), (8, 7), (1, 20)])
def test_resize(keras_utils, kind, size):
    import keras

    from minidl.utils.images import resize

    x = np.random.default_rng(0).random((7, 8, 3)).astype("float32")
    theirs = keras.ops.image.resize(x, size, interpolation=kind, data_format="channels_last")
    np.testing.assert_allclose(resize(x, size, kind), np.asarray(theirs), atol=2e-6)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("subset", ["training", "validation"])
def test_folders(keras_utils, tmp_path, shuffle, subset):
    from keras.src.utils import dataset_utils

    for folder, number in (("b", 4), ("a", 3), ("c", 5)):
        (tmp_path / folder / "deep").mkdir(parents=True)
        for i in range(number):
            (tmp_path / folder / ("deep" if i % 2 else "") / f"{i}.txt").write_text("")
    ours = utils.text_dataset_from_directory(
        str(tmp_path), shuffle=shuffle, seed=9, validation_split=0.3, subset=subset, verbose=False
    )
    paths, labels, names = dataset_utils.index_directory(
        str(tmp_path), "inferred", (".txt",), shuffle=shuffle, seed=9, verbose=False
    )
    paths, labels = dataset_utils.get_training_or_validation_split(paths, labels, 0.3, subset)
    assert ours.file_paths == paths
    assert ours.class_names == names
    assert [names.index(p[len(str(tmp_path)) + 1]) for p in ours.file_paths] == labels.tolist()
