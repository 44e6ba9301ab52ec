"""split_dataset, and the packing of batches."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.utils import (
    pack_x_y_sample_weight,
    set_random_seed,
    split_dataset,
    unpack_x_y_sample_weight,
)

X = np.arange(10)


@pytest.mark.parametrize(
    ("left", "right", "first", "last"),
    [
        (0.8, None, 8, 2),
        (None, 0.2, 8, 2),
        (7, None, 7, 3),
        (None, 3, 7, 3),
        (0.5, 0.2, 5, 2),
        (2, 3, 2, 3),
        (0.5, 3, 5, 3),
        (np.float64(0.8), np.int64(2), 8, 2),
    ],
)
def test_the_first_go_left_and_the_last_go_right(left, right, first, last):
    a, b = split_dataset(X, left, right)
    np.testing.assert_array_equal(a, X[:first])
    np.testing.assert_array_equal(b, X[10 - last :])


@given(st.integers(2, 50), st.floats(0.01, 0.99))
def test_two_fractions_of_one_make_up_the_whole(samples, fraction):
    left = round(fraction * samples)
    if not 0 < left < samples:
        return
    a, b = split_dataset(np.arange(samples), fraction, 1 - fraction)
    assert np.concatenate([a, b]).tolist() == list(range(samples))


def test_without_shuffle_nothing_is_copied(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    a, b = split_dataset(mapped, 0.5)
    assert isinstance(a, np.memmap)
    assert np.shares_memory(b, mapped)


def test_the_form_of_the_data_is_kept():
    class Pair(NamedTuple):
        x: np.ndarray
        y: np.ndarray

    pair, _ = split_dataset(Pair(X, -X), 0.3)
    assert type(pair) is Pair
    assert pair.y.tolist() == [0, -1, -2]
    (x, y), rest = split_dataset(([X, X + 1], {"a": -X}), 2)
    assert isinstance(x, list)
    assert y["a"].tolist() == [0, -1]
    assert rest[1]["a"].tolist() == list(range(-2, -10, -1))


def test_frames_keep_their_columns():
    frame = pd.DataFrame({"a": X, "b": X * 2})
    left, right = split_dataset((frame, frame["b"]), 0.8)
    assert list(left[0].columns) == ["a", "b"]
    assert right[1].tolist() == [16, 18]


def test_shuffle_draws_both_parts_and_keeps_rows_together():
    (x, y), (u, v) = split_dataset((X, -X), 0.7, shuffle=True, seed=3)
    assert sorted([*x, *u]) == X.tolist()
    assert x.tolist() != sorted(x)
    np.testing.assert_array_equal(x, -y)
    np.testing.assert_array_equal(u, -v)
    again = split_dataset((X, -X), 0.7, shuffle=True, seed=3)[0][0]
    np.testing.assert_array_equal(x, again)
    other = split_dataset((X, -X), 0.7, shuffle=True, seed=4)[0][0]
    assert x.tolist() != other.tolist()


def test_without_a_seed_the_root_seed_decides():
    def draw():
        set_random_seed(11)
        return [split_dataset(X, 0.5, shuffle=True)[0].tolist() for _ in range(2)]

    first = draw()
    assert first == draw()
    assert first[0] != first[1]


@pytest.mark.parametrize(
    ("data", "left", "right", "error", "match"),
    [
        (X, None, None, ValueError, "neither left_size nor right_size"),
        (X, 1.0, None, ValueError, r"left_size=1\.0, expected a float between 0 and 1"),
        (X, 10, None, ValueError, "left_size=10, expected .* integer from 1 to 9"),
        (X, None, 0, ValueError, "right_size=0"),
        (X, -0.1, None, ValueError, r"left_size=-0\.1"),
        (X, 0.7, 0.7, ValueError, "together 14 of 10"),
        (X, 0.01, None, ValueError, "into 0 and 10, expected at least one on either side"),
        (X, "0.8", None, TypeError, r"left_size='0\.8'"),
        (X, True, None, TypeError, "left_size=True"),
        ((X, X[:5]), 0.5, None, ValueError, r"lengths \[10, 5\]"),
        ([], 0.5, None, ValueError, "at least one array"),
        ([1, 2, 3], 0.5, None, TypeError, r"np\.asarray"),
        ("text", 0.5, None, TypeError, "received str"),
    ],
)
def test_what_it_refuses(data, left, right, error, match):
    with pytest.raises(error, match=match):
        split_dataset(data, left, right)


@pytest.mark.parametrize(
    ("parts", "packed"),
    [
        ((1,), 1),
        (([1, 2],), ([1, 2],)),
        ((1, 2), (1, 2)),
        ((1, 2, 3), (1, 2, 3)),
    ],
)
def test_packed_batches_come_apart_again(parts, packed):
    assert pack_x_y_sample_weight(*parts) == packed
    assert unpack_x_y_sample_weight(packed) == (*parts, None, None)[:3]


@pytest.mark.parametrize("wrong", [(), (1, 2, 3, 4)])
def test_batches_of_a_wrong_number_of_parts(wrong):
    with pytest.raises(ValueError, match=f"batch of {len(wrong)} parts"):
        unpack_x_y_sample_weight(wrong)


def test_a_list_comes_apart_like_a_tuple():
    assert unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
