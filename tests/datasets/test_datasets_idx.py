"""IDX files: what is right is read exactly, what is wrong is named, and no size is believed."""

import gzip
import struct

import idx2numpy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minidl.datasets import DataFileError, DataFileMissingError, idx

SMALL = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
DTYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]
on_one_file = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@on_one_file
@given(
    array=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
            elements=hnp.from_dtype(np.dtype(dtype), allow_nan=False),
        )
    ),
    gzipped=st.booleans(),
)
def test_reads_what_was_written(tmp_path, to_idx, array, gzipped):
    path = tmp_path / "some-file"
    data = to_idx(array)
    assert data == idx2numpy.convert_to_string(array)
    path.write_bytes(gzip.compress(data, 1) if gzipped else data)

    result = idx.read(path)

    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.shape == array.shape
    np.testing.assert_array_equal(result, array)
    result[...] = 0  # writable
    if not gzipped:
        mapped = idx.read(str(path), mmap_mode="r")
        assert isinstance(mapped, np.memmap)
        np.testing.assert_array_equal(mapped, array)


def test_map_is_read_only_or_a_private_copy(tmp_path, to_idx):
    path = tmp_path / "images"
    path.write_bytes(to_idx(SMALL))
    with pytest.raises(ValueError, match="read-only"):
        idx.read(path, mmap_mode="r")[0] = 0
    idx.read(path, mmap_mode="c")[0] = 0
    np.testing.assert_array_equal(idx.read(path), SMALL)


def test_gzip_is_told_from_the_bytes_not_from_the_name(tmp_path, to_idx):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(to_idx(SMALL)))
    np.testing.assert_array_equal(idx.read(path), SMALL)


GOOD = bytes([0, 0, 8, 3]) + struct.pack(">3I", 3, 2, 2) + bytes(12)

WRONG = {
    "empty": (b"", "the file is empty"),
    "one byte": (b"\0", "1 bytes, expected an IDX header"),
    "half a magic": (b"\0\0\x08", "3 bytes, expected an IDX header"),
    "text": (b"<!DOCTYPE html>", "begins with 3C 21 44 4F, expected an IDX file"),
    "another type": (b"\0\0\x0a" + GOOD[3:], "data type code 0A in the header, expected one of 08"),
    "no axes": (b"\0\0\x08\0" + b"\7", "received 0 axes in the header, expected 1 to 64"),
    "many axes": (b"\0\0\x08\xff" + bytes(2000), "received 255 axes"),
    "half a header": (GOOD[:11], "announces 3 axes and so 16 bytes, but ends after 11"),
    "an axis of 0": (GOOD[:7] + b"\0" + GOOD[8:], r"shape \(0, 2, 2\), an array without a number"),
    "truncated": (GOOD[:-1], r"uint8 of shape \(3, 2, 2\), that is 28 bytes, but"),
    "no data": (GOOD[:16], "that is 28 bytes, but"),
    "one too many": (GOOD + b"\0", "28 bytes, but more bytes follow"),
    "huge": (
        b"\0\0\x0e\x03" + b"\xff" * 12 + bytes(12),
        r"float64 of shape \(4294967295, 4294967295, 4294967295\).* can hold at most",
    ),
}


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_file_is_named(tmp_path, case, gzipped, peak_memory):
    data, message = WRONG[case]
    path = tmp_path / ("a-file.gz" if gzipped else "a-file")
    path.write_bytes(gzip.compress(data) if gzipped else data)
    with pytest.raises(DataFileError, match=message) as caught, peak_memory() as peak:
        idx.read(path)
    assert str(path) in str(caught.value)
    assert peak[0] < 2e6


@pytest.mark.parametrize("case", WRONG)
def test_wrong_file_is_not_mapped(tmp_path, case):
    path = tmp_path / "a-file"
    path.write_bytes(WRONG[case][0])
    with pytest.raises(DataFileError):
        idx.read(path, mmap_mode="r")


def test_gzip_errors(tmp_path):
    path = tmp_path / "a-file.gz"
    whole = gzip.compress(GOOD)

    path.write_bytes(b"")
    with pytest.raises(DataFileError, match="the file is empty"):
        idx.read(path)
    path.write_bytes(GOOD)
    with pytest.raises(DataFileError, match=r"not gzip though its name ends in \.gz.*take \.gz"):
        idx.read(path)
    path.write_bytes(b"<html>")
    with pytest.raises(DataFileError, match=r"begins with 3C 68, which is not gzip.*web page"):
        idx.read(path)
    for length in (3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataFileError, match="gzipped data stops in the middle"):
            idx.read(path)
    path.write_bytes(whole[:-8] + bytes(8))
    with pytest.raises(DataFileError, match=r"gzipped data is damaged.*CRC"):
        idx.read(path)
    path.write_bytes(whole)
    with pytest.raises(DataFileError, match=r"only that can be mapped. Unpack it first"):
        idx.read(path, mmap_mode="r")


def test_wrong_paths_and_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        idx.read(tmp_path / "nothing")
    with pytest.raises(DataFileMissingError, match="nothing"):
        idx.read(tmp_path / "nothing", mmap_mode="r")
    with pytest.raises(DataFileError, match="received a folder"):
        idx.read(tmp_path)
    with pytest.raises(ValueError, match="mmap_mode='r\\+', expected None, 'r' or 'c'"):
        idx.read(tmp_path / "nothing", mmap_mode="r+")


def test_gzip_bomb_takes_no_memory(tmp_path, peak_memory):
    path = tmp_path / "bomb.gz"
    header = b"\0\0\x08\1" + struct.pack(">I", 1000)
    path.write_bytes(gzip.compress(header + bytes(30_000_000), 1))
    with pytest.raises(DataFileError, match="more bytes follow"), peak_memory() as peak:
        idx.read(path)
    assert peak[0] < 2e6


def test_header_that_gzip_could_just_hold_takes_no_memory(tmp_path, peak_memory):
    path = tmp_path / "liar.gz"
    content = np.random.default_rng(0).bytes(200_000)  # does not compress
    header = b"\0\0\x08\1" + struct.pack(">I", 200_000_000)
    path.write_bytes(gzip.compress(header + content, 1))
    with pytest.raises(DataFileError, match="data ends after 200,008"), peak_memory() as peak:
        idx.read(path)
    assert peak[0] < 4e6


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzipped"])
def test_array_is_in_memory_once(tmp_path, to_idx, peak_memory, gzipped):
    data = to_idx(np.zeros((5000, 28, 28), np.uint8))
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(data, 1) if gzipped else data)
    idx.read(path)  # imports what it needs
    with peak_memory() as peak:
        idx.read(path)
    assert peak[0] < 1.6 * len(data)


FLAT = np.arange(40, dtype=np.int16).reshape(5, 8)


@settings(on_one_file, max_examples=400)
@given(data=st.data(), gzipped=st.booleans(), inside=st.booleans())
def test_mutated_files_give_only_the_documented_errors(tmp_path, to_idx, data, gzipped, inside):
    """Cut, changed, longer or shorter bytes: an array of the file's own size, or DataFileError."""
    content = bytearray(to_idx(FLAT))
    if gzipped and not inside:
        content = bytearray(gzip.compress(bytes(content), mtime=0))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(content) - 1, 0)))
        how = data.draw(st.sampled_from(["change", "cut", "insert", "remove"]))
        some = data.draw(st.binary(min_size=1, max_size=4))
        if how == "change":
            content[place : place + len(some)] = some
        elif how == "cut":
            del content[place:]
        elif how == "insert":
            content[place:place] = some
        else:
            del content[place : place + len(some)]
    if gzipped and inside:
        content = bytearray(gzip.compress(bytes(content), mtime=0))
    path = tmp_path / data.draw(st.sampled_from(["file", "file.gz"]))
    path.write_bytes(content)

    for mode in (None, "r"):
        try:
            array = idx.read(path, mmap_mode=mode)
        except DataFileError:
            continue
        plain = content if content[:2] == b"\0\0" else gzip.decompress(content)
        assert array.nbytes + 4 + 4 * array.ndim == len(plain)
        assert array.astype(array.dtype.newbyteorder(">")).tobytes() == plain[-array.nbytes :]
