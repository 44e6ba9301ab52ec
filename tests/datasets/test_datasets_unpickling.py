"""The reader of pickles: arrays and lists as they were, and nothing else whatever the file says."""

import os
import pickle
import pickletools
import subprocess

import numpy as np
import pytest

from minidl.datasets import unpickling
from minidl.datasets.errors import DataFileError


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, "text", None, True, [-(2**70)]],
        {"a": np.arange(6, dtype=np.uint8).reshape(2, 3), b"b": [np.float32([1.5])]},
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([3, 4], dtype=">i2"),
        np.fromiter([[1, 2], [], [3]], dtype=object, count=3),
        np.zeros((0, 4)),
        np.bool_([True, False]),
    ],
)
def test_what_was_put_in_comes_out(value, protocol):
    def same(a, b):
        assert type(a) is type(b)
        if isinstance(a, dict):
            assert list(a) == list(b)
            return all(same(a[k], b[k]) for k in a)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            assert a.flags.writeable
            return a.shape == b.shape and a.tolist() == b.tolist()
        if isinstance(a, list):
            return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
        return a == b

    assert same(unpickling.loads(pickle.dumps(value, protocol)), value)


def test_text_of_python_2():
    data = b"(dp0\nS'labels'\np1\n(lp2\nI3\naI5\nas."
    assert unpickling.loads(data) == {b"labels": [3, 5]}


class Runs:
    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Runs(os.system, "echo never"), "system"),
        (Runs(eval, "1/0"), "eval"),
        (Runs(subprocess.check_output, ["id"]), "check_output"),
        (Runs(getattr, 1, "real"), "getattr"),
        (Runs(np.load, "x"), "load"),
        (np.random.default_rng(0), "random"),
        ({1, 2}.__class__, "set"),
        (complex(1, 2), "complex"),
    ],
)
def test_nothing_is_run(value, name):
    with pytest.raises(DataFileError, match=rf"names .*{name}.*it was not run"):
        unpickling.loads(pickle.dumps([value], 2))


def test_numpys_own_unpickling_is_not_run(monkeypatch):
    def forbidden(*args):
        raise AssertionError

    data = pickle.dumps(np.arange(3), 4)
    monkeypatch.setattr("numpy._core.multiarray._reconstruct", forbidden)
    assert unpickling.loads(data).tolist() == [0, 1, 2]


def array_pickle(shape, code, raw):
    """A pickled array that says of itself what we want it to."""
    return pickle.dumps(Claims(shape, code, raw), 2)


class Claims:
    def __init__(self, shape, code, raw):
        self.state = (1, shape, Kind(code), False, raw)

    def __reduce__(self):
        return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), self.state


class Kind:
    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return np.dtype, (self.code, False, True), (3, "<", None, None, None, -1, -1, 0)


@pytest.mark.parametrize(
    ("shape", "code", "raw"),
    [
        ((2,), "u1", b"123"),
        ((10**12,), "f8", b"12345678"),
        ((-1,), "u1", b"1"),
        ((2.0,), "u1", b"12"),
        ((1,), "f8", b"123"),
        ((1,), "V8", b"12345678"),
        ((1,), "O8", b"12345678"),
        ((1,), "M8[s]", b"12345678"),
        ((1,), "f8,f8", b"1234567812345678"),
        ((1,), "u1", [1]),
    ],
)
def test_arrays_that_claim_what_is_not_so(shape, code, raw):
    with pytest.raises(DataFileError):
        unpickling.loads(array_pickle(shape, code, raw))
    assert unpickling.loads(array_pickle((3,), "u1", b"123")).tolist() == [49, 50, 51]


def test_a_function_cannot_be_changed():
    call = b"cnumpy.core.multiarray\n_reconstruct\n"
    with pytest.raises(DataFileError, match="changes a function"):
        unpickling.loads(call + b"}b.")
    with pytest.raises(DataFileError):
        unpickling.loads(b"cnumpy\nndarray\n}b.")


def test_damaged_and_endless():
    whole = pickle.dumps({"data": np.arange(50)}, 2)
    for data in (b"", whole[:40], b"<html>", whole[:-1], b"Pid\n."):
        with pytest.raises(DataFileError, match="pickle"):
            unpickling.loads(data)
    inside = []
    inside.append(inside)
    assert unpickling.loads(pickle.dumps(inside))[0][0] is not None
    many = [1]
    for _ in range(60):
        many = [many, many]  # 2⁶⁰ lists to whoever walks them one by one
    assert len(unpickling.loads(pickle.dumps(many))) == 2


def test_the_same_on_files_made_elsewhere():
    """Pickles name NumPy's modules as older and newer versions call them."""
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        data = pickle.dumps(np.arange(2, dtype=np.int32), 0)
        names = {op.name for op, _, _ in pickletools.genops(data)}
        assert "GLOBAL" in names
        data = data.replace(b"numpy._core.multiarray", module.encode())
        assert unpickling.loads(data).tolist() == [0, 1]
