"""pad_sequences: every corner of padding and cutting, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.utils import pad_sequences

NUMBERS = st.lists(st.lists(st.integers(-9, 9), max_size=6), max_size=5)
SIDE = st.sampled_from(["pre", "post"])


@given(NUMBERS, st.none() | st.integers(1, 7), SIDE, SIDE, st.integers(-3, 3))
def test_against_plain_lists(sequences, maxlen, padding, truncating, value):
    padded = pad_sequences(
        sequences, maxlen=maxlen, padding=padding, truncating=truncating, value=value
    )
    length = maxlen or max(map(len, sequences), default=0)
    expected = []
    for sequence in sequences:
        cut = max(0, len(sequence) - length)
        kept = sequence[cut:] if truncating == "pre" else sequence[: len(sequence) - cut]
        fill = [value] * (length - len(kept))
        expected.append(fill + kept if padding == "pre" else kept + fill)
    assert padded.tolist() == expected
    assert padded.shape == (len(sequences), length)
    assert padded.dtype == np.int32


@pytest.mark.parametrize(
    ("padding", "truncating", "expected"),
    [
        ("pre", "pre", [[0, 0, 1], [3, 4, 5]]),
        ("pre", "post", [[0, 0, 1], [2, 3, 4]]),
        ("post", "pre", [[1, 0, 0], [3, 4, 5]]),
        ("post", "post", [[1, 0, 0], [2, 3, 4]]),
    ],
)
def test_padding_and_truncating_are_two_choices(padding, truncating, expected):
    padded = pad_sequences([[1], [2, 3, 4, 5]], 3, padding=padding, truncating=truncating)
    assert padded.tolist() == expected


def test_sequences_of_vectors():
    sequences = [np.ones((1, 2)), np.full((3, 2), 2.0), []]
    padded = pad_sequences(sequences, maxlen=2, dtype="float32")
    assert padded.tolist() == [[[0, 0], [1, 1]], [[2, 2], [2, 2]], [[0, 0], [0, 0]]]
    assert padded.dtype == np.float32


def test_text_in_objects_and_strings():
    words = [["a"], ["b", "cd"]]
    assert pad_sequences(words, dtype=object, value="-").tolist() == [["-", "a"], ["b", "cd"]]
    assert pad_sequences(words, dtype="U2", value="").tolist() == [["", "a"], ["b", "cd"]]


def test_numbers_that_fit_are_taken_whatever_their_type():
    assert pad_sequences([[1.0, 2.0]]).tolist() == [[1, 2]]
    assert pad_sequences([np.array([1, 2**31 - 1])]).tolist() == [[1, 2**31 - 1]]
    assert pad_sequences([[True]], dtype="uint8", value=7).tolist() == [[1]]
    assert pad_sequences([[2**62]], dtype="int64").tolist() == [[2**62]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_in_a_float_type(dtype):
    padded = pad_sequences([[0.5], [1, 2]], dtype=dtype, value=-1.5)
    assert padded.tolist() == [[-1.5, 0.5], [1, 2]]
    assert padded.dtype == dtype


@pytest.mark.parametrize(
    ("sequences", "options", "match"),
    [
        ([[0.7]], {}, r"sequence 0 has the number 0\.7.*dtype='int32' cannot.*dtype='float32'"),
        ([[1], [2**40]], {}, r"sequence 1 has the number 1099511627776.*dtype='int64'"),
        ([np.array([2.0**31])], {}, "cannot hold"),
        ([np.array([2.0**31], "float32")], {}, "cannot hold"),
        ([[float("nan")]], {}, "the number nan"),
        ([[-1]], {"dtype": "uint8"}, "the number -1"),
        ([[1]], {"value": 0.5}, "value has the number 0.5"),
        ([["a"]], {}, "dtype=object"),
        ([[1]], {"value": "x"}, "dtype=object"),
        ([[1]], {"value": "1", "dtype": "float32"}, "value has text"),
        ([[1]], {"padding": "left"}, "padding='left', expected 'pre' or 'post'"),
        ([], {"truncating": "both"}, "truncating='both'"),
        ([[1]], {"maxlen": 0}, "maxlen=0"),
        ([1, 2], {}, r"received 1 at position 0.*pad_sequences\(\[sequence\]\)"),
        (iter([[1]]), {}, r"list\(\.\.\.\)"),
        ([[[1, 2]], [[1]]], {}, r"shape \(1,\) in sequence 1, expected \(2,\)"),
    ],
)
def test_what_it_refuses(sequences, options, match):
    with pytest.raises(ValueError, match=match):
        pad_sequences(sequences, **options)
