"""Files that are replaced whole: a reader finds the old file or the new one, never half of one.

write to a hidden file beside it ─► flush to disk ─► rename onto the path ─► flush the folder
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_ENDING = ".tmp"
_RANDOM = 8  # hexadecimal digits
_STEM = 60  # characters of the file's name: with four bytes each, still below the usual 255
# What a file system answers that knows no flushing of folders, or does not let us.
_NO_FOLDER_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of the one at `path` when all went well.

    At any moment, also after a kill, a crash of the machine or with a full disk, `path` is the old
    file as it was (or is not there, as before) or the new one with everything in it. Where the
    block ends in an error, the new file is removed and the error goes on.

    The new file has the permissions of the old one. A symbolic link stays: the file that it points
    to is replaced. Other hard links to the old file go on pointing to the old file. What a killed
    writer has left in the folder is removed by the next one that writes to the same path.

    Arguments:
        path: where the file is to be; its folder must exist.

    Returns:
        A context manager that gives a binary file, open for writing and reading. Write to it, and
        leave closing to the end of the block.

    Raises:
        FileNotFoundError: if the folder does not exist.
        PermissionError: if the folder, or the file that is there, may not be written to.
        IsADirectoryError: if `path` is a folder.
        OSError: if it is a device or a pipe, or the disk is full.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "weights.bin")
        ...     with atomic_write(path) as file:
        ...         print(file.write(b"1234"), path.exists())
        ...     print(path.read_bytes())
        4 False
        b'1234'
    """
    shown = os.fsdecode(path)
    target = os.path.realpath(shown)
    old = _replaceable(shown)
    folder, name = os.path.split(target)
    _remove_leftovers(folder, name)
    try:
        file = _open_beside(folder, name)
    except OSError as error:
        raise OSError(
            error.errno,
            f"No file can be made in the folder {folder!r} ({error.strerror}), and nothing was "
            f"changed. It must exist, have room and let you write. The path was",
            shown,
        ) from None
    try:
        yield file
        file.flush()
        if old is not None:
            _like(file, old)
        os.fsync(file.fileno())
        if fcntl is None:  # Windows renames no open file; elsewhere the lock must hold until then
            file.close()
        os.replace(file.name, target)
    except BaseException as error:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            os.unlink(file.name)
        if isinstance(error, OSError):
            error.add_note(f"Nothing was written to {shown!r}; what was there before is untouched.")
        raise
    file.close()
    _flush_folder(folder)


def _replaceable(path: str) -> os.stat_result | None:
    """Return what is known of the file at `path`, or None where there is none.

    Raises:
        OSError: if something is there that must not be replaced.
    """
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, "A folder, expected the path of a file", path)
    if not stat.S_ISREG(old.st_mode):
        raise OSError(errno.EINVAL, "A device or a pipe, expected the path of a file", path)
    with open(path, "r+b"):  # a file that is read-only stays, though its folder would let it go
        return old


def _open_beside(folder: str, name: str) -> IO[bytes]:
    """Return a new file in the folder, locked for as long as it is open or its process lives."""
    while True:
        hidden = f".{name[:_STEM]}.{os.urandom(_RANDOM // 2).hex()}{_ENDING}"
        try:
            file = open(os.path.join(folder, hidden), "x+b")  # noqa: SIM115  (the caller closes it)
        except FileExistsError:
            continue
        # Between making and locking it, another writer may have taken it for a leftover.
        if _lock(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink > 0:
            return file
        file.close()


def _lock(descriptor: int) -> bool | None:
    """Lock a file; return False where another has locked it, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_leftovers(folder: str, name: str) -> None:
    """Remove the hidden files of writers that were killed: those that no living process locks."""
    start = f".{name[:_STEM]}."
    with suppress(OSError):
        for left in os.listdir(folder):
            middle = left[len(start) : -len(_ENDING)]
            if left != f"{start}{middle}{_ENDING}" or len(middle) != _RANDOM:
                continue
            with suppress(OSError), open(os.path.join(folder, left), "r+b") as file:
                if _lock(file.fileno()):
                    os.unlink(file.name)


def _like(file: IO[bytes], old: os.stat_result) -> None:
    """Give a new file the owner and the permissions of the old one, as far as we may."""
    if hasattr(os, "fchown"):
        with suppress(OSError):
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))


def _flush_folder(folder: str) -> None:
    """See that the new name is on the disk, not only the bytes."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_FLUSH:
            raise
