"""Reading IDX, the file format of MNIST: a short header, then the numbers of one array.

The header is checked here, before anything is allocated; `idx2numpy` then makes the array.

    bytes 0-1   zero
    byte  2     what the numbers are: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte  3     d, how many axes
    then        d axis lengths of 4 bytes, then the numbers, all big-endian
"""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, cast

import numpy as np

from minidl.datasets.errors import DataFileError, DataFileMissingError

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_RATIO = 1032  # one byte of a gzip file gives at most so many
_MAX_AXES = 64  # of a NumPy array
_CHUNK = 1 << 18


class Header(NamedTuple):
    """What an IDX file says of itself: its numbers' type and its array's shape."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    header_bytes: int

    @property
    def total_bytes(self) -> int:
        """The length that the whole file should have, uncompressed."""
        return self.header_bytes + math.prod(self.shape) * self.dtype.itemsize


def read(
    path: str | os.PathLike[str], mmap_mode: Literal["r", "c"] | None = None
) -> np.ndarray[Any, Any]:
    """Read one IDX file, plain or gzipped, as an array of its own shape and type.

    Whether a file is gzipped is told from its first bytes, not from its name. A file is never
    believed about its size: memory is taken only for bytes that are there.

    Shapes:
        images `(n, rows, columns)`, labels `(n,)`; in general whatever the header says.

    Arguments:
        path: the file.
        mmap_mode: `None` reads the whole file into memory (default). `"r"` maps a plain file
            instead, read-only; `"c"` maps it so that changes stay in memory.

    Returns:
        A writable array in the machine's byte order; with `mmap_mode` an `np.memmap`, in the
        file's own (big-endian) byte order.

    Raises:
        DataFileMissingError: if there is no such file.
        DataFileError: if the file is empty, truncated, damaged, no IDX file, of an unknown type,
            or longer than its header says; or if a gzipped file is to be mapped.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
        ...     size = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        ...     read(path)
        array([7, 2, 1], dtype=uint8)
    """
    if mmap_mode not in (None, "r", "c"):
        raise ValueError(f"Received mmap_mode={mmap_mode!r}, expected None, 'r' or 'c'.")
    path = Path(path)
    if path.is_dir():
        raise DataFileError(f"{path}: received a folder, expected one IDX file inside it.")
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise DataFileMissingError(
            f"{path}: no such file. Expected an IDX file, plain or gzipped; check the path."
        ) from None
    with stream:
        size = os.fstat(stream.fileno()).st_size
        if mmap_mode is not None:
            return _map(stream, path, size, mmap_mode)
        return read_stream(stream, str(path), size)


def read_stream(stream: BinaryIO, name: str, size: int) -> np.ndarray[Any, Any]:
    """Read one IDX file from an open stream; `read` says how.

    Arguments:
        stream: the file's bytes, from its beginning; gzipped or not.
        name: what to call it in messages, and whether `.gz` is expected of it.
        size: its length in bytes, as stored.

    Raises:
        DataFileError: as `read` does.
    """
    import gzip

    magic = stream.read(2)
    stream.seek(0)
    if magic == _GZIP_MAGIC:
        try:
            with gzip.GzipFile(fileobj=stream) as unzipped:
                data = _read_checked(cast(BinaryIO, unzipped), name, size * _DEFLATE_RATIO, size)
        except EOFError:
            raise DataFileError(
                f"{name}: the gzipped data stops in the middle ({size:,} bytes are there). "
                f"The file was not copied or downloaded whole: get it again."
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataFileError(
                f"{name}: the gzipped data is damaged ({error}). Get the file again."
            ) from None
    elif name.endswith(".gz") and size:
        plain = magic == b"\0\0"
        raise DataFileError(
            f"{name}: received a file that begins with {_hex(magic)}, which is not gzip though "
            f"its name ends in .gz (gzip begins with {_hex(_GZIP_MAGIC)}). "
            + (
                "It looks like an IDX file that is already unpacked: take .gz off its name."
                if plain
                else "It may be a web page saved in the file's place: get the file again."
            )
        )
    else:
        data = _read_checked(stream, name, size, size)
    return _to_array(data, name)


def _read_checked(stream: BinaryIO, name: str, most: int, stored: int) -> bytearray:
    """Return exactly the bytes that the header promises, or say what is wrong.

    `most` is how many bytes the stream can give at all, `stored` how many the file has on disk.
    """
    header, data = _read_header(stream, name)
    total = header.total_bytes
    promise = (
        f"the header promises {header.dtype.name} of shape {header.shape}, that is {total:,} bytes"
    )
    if total > most:
        raise DataFileError(
            f"{name}: {promise}, but the file's {stored:,} bytes can hold at most {most:,}. "
            f"The file is truncated or its header is damaged: get it again."
        )
    while len(data) < total:
        chunk = stream.read(min(_CHUNK, total - len(data)))
        if not chunk:
            raise DataFileError(
                f"{name}: {promise}, but the data ends after {len(data):,}. "
                f"The file is truncated or its header is damaged: get it again."
            )
        data += chunk
    if stream.read(1):
        raise DataFileError(
            f"{name}: {promise}, but more bytes follow. "
            f"The header is damaged or something was appended: get the file again."
        )
    return data


def _read_header(stream: BinaryIO, name: str) -> tuple[Header, bytearray]:
    """Return the checked header, and its bytes."""
    data = bytearray(stream.read(4))
    if not data:
        raise DataFileError(f"{name}: the file is empty, expected an IDX file. Get it again.")
    if data[:2] != b"\0\0"[: len(data)]:
        raise DataFileError(
            f"{name}: received a file that begins with {_hex(data)}, expected an IDX file, which "
            f"begins with 00 00, a type and a number of axes (MNIST images: 00 00 08 03). "
            f"It is of another format: check the path, or get the file again."
        )
    if len(data) < 4:
        raise DataFileError(
            f"{name}: the file has {len(data)} bytes, expected an IDX header of at least 8. "
            f"It is truncated: get it again."
        )
    code, axes = data[2], data[3]
    if code not in _DTYPES:
        known = ", ".join(f"{c:02X} {np.dtype(d).name}" for c, d in _DTYPES.items())
        raise DataFileError(
            f"{name}: received the data type code {code:02X} in the header, expected one of "
            f"{known}. The header is damaged, or this is no IDX file."
        )
    if not 1 <= axes <= _MAX_AXES:
        raise DataFileError(
            f"{name}: received {axes} axes in the header, expected 1 to {_MAX_AXES} "
            f"(3 for images, 1 for labels). The header is damaged, or this is no IDX file."
        )
    lengths = stream.read(4 * axes)
    data += lengths
    if len(lengths) < 4 * axes:
        raise DataFileError(
            f"{name}: the header announces {axes} axes and so {4 + 4 * axes} bytes, but ends "
            f"after {len(data)}. The file is truncated: get it again."
        )
    shape = tuple(int(n) for n in np.frombuffer(lengths, ">u4"))
    if 0 in shape:
        raise DataFileError(
            f"{name}: the header says shape {shape}, an array without a number in it; "
            f"expected at least 1 along every axis. Get the file again."
        )
    return Header(np.dtype(_DTYPES[code]), shape, len(data)), data


class _Served:
    """A checked file as `idx2numpy` reads it: views of the bytes, so that nothing is copied."""

    def __init__(self, data: bytearray) -> None:
        self.view = memoryview(data)
        self.position = 0

    def read(self, count: int) -> memoryview:
        part = self.view[self.position : self.position + count]
        self.position += len(part)
        return part


def _to_array(data: bytearray, name: str) -> np.ndarray[Any, Any]:
    import idx2numpy

    try:
        array = idx2numpy.convert_from_file(_Served(data))
    except (idx2numpy.FormatError, ValueError) as error:
        raise DataFileError(f"{name}: idx2numpy cannot read this file ({error}).") from None
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _map(stream: BinaryIO, path: Path, size: int, mode: Literal["r", "c"]) -> np.memmap[Any, Any]:
    if stream.read(2) == _GZIP_MAGIC:
        raise DataFileError(
            f"{path}: received a gzipped file with mmap_mode={mode!r}, expected a plain one: "
            f"only that can be mapped. Unpack it first (gunzip --keep), or leave mmap_mode out."
        )
    stream.seek(0)
    header, _ = _read_header(stream, str(path))
    if header.total_bytes != size:
        raise DataFileError(
            f"{path}: the header promises {header.dtype.name} of shape {header.shape}, that is "
            f"{header.total_bytes:,} bytes, but the file has {size:,}. "
            f"It is truncated or its header is damaged: get it again."
        )
    return np.memmap(path, header.dtype, mode, offset=header.header_bytes, shape=header.shape)


def _hex(data: bytes | bytearray) -> str:
    return data.hex(" ").upper()
