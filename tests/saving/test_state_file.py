"""States as files: what goes in comes out, and a damaged or hostile file is refused."""

import io
import json
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from minidl.saving.errors import ModelFileError
from minidl.saving.state_file import read_state, write_state

STATE = {
    "epoch": 3,
    "big": 2**130,
    "loss": [0.1, float("inf"), None, True],
    "name": "dense_é",
    "weights": [np.arange(6, dtype="float32").reshape(2, 3), np.array([], "int64")],
    "scalar": np.float32(0.1),
    "nested": {"array": {"dict": []}, "words": np.array(["a", "bc"])},
}


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b and type(a) is type(b)


@pytest.fixture
def path(tmp_path):
    write_state(tmp_path / "state.npz", STATE)
    return tmp_path / "state.npz"


def test_what_goes_in_comes_out(path):
    assert same(read_state(path), STATE)


def test_layouts_and_types_of_arrays(path):
    value = np.arange(24.0).reshape(2, 3, 4)
    states = [value.T, value[::-1, :, ::2], value.astype(">f8"), np.array(3), np.array(True)]
    write_state(path, states)
    for got, expected in zip(read_state(path), states, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)


def test_numpy_scalars_that_are_python_numbers_too(path):
    write_state(path, [np.float64(0.1), np.str_("a"), np.bool_(True), np.int64(3)])
    assert read_state(path) == [0.1, "a", True, 3]


def test_the_same_state_is_the_same_bytes(path, tmp_path):
    write_state(tmp_path / "again.npz", STATE)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_numpy_reads_the_arrays(path):
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["0"], STATE["weights"][0])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, {2: 3}]}, r"state\['a'\]\[1\] is a dict with the key 2"),
        ({"a": object()}, r"state\['a'\] is a object"),
        ([np.array([None])], r"state\[0\] is an array of Python objects"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(path, value, words):
    before = path.read_bytes()
    with pytest.raises(TypeError, match=words):
        write_state(path, value)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "none.npz")


def written(path, index, **members):
    """Write an archive by hand."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
        if index is not None:
            archive.writestr("state.json", index if isinstance(index, str) else json.dumps(index))


def npy(array=None, **header):
    stream = io.BytesIO()
    if array is not None:
        np.lib.format.write_array(stream, array, allow_pickle=True)
    else:
        np.lib.format.write_array_header_1_0(stream, {"fortran_order": False, **header})
    return stream.getvalue()


ONE = {"format": "minidl training state 1", "state": {"array": "a"}}
HUGE = npy(descr="<f8", shape=(10**15,))


@pytest.mark.parametrize(
    ("index", "members"),
    [
        (None, {}),
        ("", {}),
        ("{", {}),
        ("[" * 100_000, {}),
        ([], {}),
        ({"format": "another"}, {}),
        (ONE, {}),
        (ONE | {"state": {"code": "import os"}}, {}),
        (ONE | {"state": {"dict": {}, "array": "a"}}, {}),
        (ONE | {"state": {}}, {}),
        (ONE | {"state": {"dict": [1]}}, {}),
        (ONE, {"a": b""}),
        (ONE, {"a": b"\x93NUMPY\x09\x09"}),
        (ONE, {"a": HUGE}),
        (ONE, {"a": HUGE + b"12345678"}),
        (ONE, {"a": npy(descr="<f8", shape=(-1,))}),
        (ONE, {"a": npy(descr="|O", shape=(1,)) + b"cos\nsystem\n."}),
        (ONE, {"a": npy(np.array([{"a": 1}], dtype=object))}),
        (ONE, {"a": npy(np.zeros(3))[:-1]}),
        (ONE, {"a": npy(np.zeros(3)) + b"!"}),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(path, index, members):
    written(path, index, **members)
    with pytest.raises(ModelFileError, match="cannot be read as a training state"):
        read_state(path)


def test_a_bomb_is_not_unpacked(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(np.zeros(10**6)))
        archive.writestr("state.json", json.dumps(ONE))
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="more than it has bytes"):
        read_state(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6


def test_files_cut_short_or_changed_in_one_byte_are_refused(path):
    """Never another value, and never another exception; a byte that means nothing may change."""
    data = path.read_bytes()
    draw = np.random.default_rng(0)
    refused = 0
    for size in draw.integers(0, len(data), 40):
        path.write_bytes(data[:size])
        with pytest.raises(ModelFileError):
            read_state(path)
    for place in draw.integers(0, len(data), 200):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        try:
            assert same(read_state(path), STATE)
        except ModelFileError:
            refused += 1
    assert refused > 150
