"""A file that is replaced is the old one or the new one, whatever happens in between."""

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from minidl.saving import atomic
from minidl.saving.atomic import atomic_write

OLD, NEW = b"old " * 1000, b"new " * 2000
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions, links and locks")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def as_a_plain_user():
    """A folder that root's rights do not reach, and a user without them."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def as_the_owner(function, *args):
    user = os.geteuid()
    os.seteuid(os.getuid())
    try:
        function(*args)
    finally:
        os.seteuid(user)


def write(path, data=NEW):
    with atomic_write(path) as file:
        file.write(data)


def names(path):
    return sorted(os.listdir(path.parent))


def test_a_new_file_and_its_replacement(tmp_path):
    path = tmp_path / "a.bin"
    write(path, b"1")
    assert path.read_bytes() == b"1"
    write(str(path), b"22")
    assert path.read_bytes() == b"22"
    write(os.fsencode(path), b"")
    assert path.read_bytes() == b""
    assert names(path) == ["a.bin"]


def test_a_path_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("a.bin")
    assert Path("a.bin").read_bytes() == NEW


def test_the_path_shows_nothing_before_the_end(path):
    with atomic_write(path) as file:
        file.write(NEW)
        file.flush()
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW


def test_what_was_written_can_be_read_back_and_changed_before_the_end(path):
    with atomic_write(path) as file:
        file.write(b"....456")
        file.seek(4)
        assert file.read() == b"456"
        file.seek(0)
        file.write(b"0123")
    assert path.read_bytes() == b"0123456"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(path, error):
    def fail(file):
        file.write(NEW)
        raise error

    with pytest.raises(error), atomic_write(path) as file:
        fail(file)
    assert path.read_bytes() == OLD
    assert names(path) == [path.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(path, monkeypatch, step):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left") as caught:
        write(path)
    assert "untouched" in caught.value.__notes__[0]
    assert path.read_bytes() == OLD
    assert names(path) == [path.name]


@posix
def test_a_limit_on_the_file_size_leaves_the_old_file_and_nothing_else(path):
    """The operating system itself refuses the bytes, in the middle of the file."""
    program = (
        "import resource, signal, sys\n"
        "from minidl.saving.atomic import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    with atomic_write(sys.argv[1]) as file:\n"
        "        for _ in range(100): file.write(b'new ' * 1000)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == os.strerror(errno.EFBIG)
    assert path.read_bytes() == OLD
    assert names(path) == [path.name]


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_bytes_that_only_fail_at_the_last_flush(path, monkeypatch):
    full = open("/dev/full", "wb")  # noqa: SIM115  (atomic_write closes it)
    monkeypatch.setattr(atomic, "_open_beside", lambda folder, name: full)
    monkeypatch.setattr(os, "unlink", lambda path: None)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"few")
    assert path.read_bytes() == OLD


@posix
@pytest.mark.parametrize("moment", ["in the block", "before the rename"])
def test_a_kill_leaves_the_old_file_and_the_next_writer_tidies_up(path, moment):
    program = (
        "import os, signal, sys\n"
        "from minidl.saving import atomic\n"
        "die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "if sys.argv[2] == 'before the rename': os.replace = die\n"
        "with atomic.atomic_write(sys.argv[1]) as file:\n"
        "    file.write(b'new ' * 1000); file.flush()\n"
        "    if sys.argv[2] == 'in the block': die()\n"
    )
    run = subprocess.run([sys.executable, "-c", program, path, moment], check=False)
    assert run.returncode == -signal.SIGKILL
    assert path.read_bytes() == OLD
    assert len(names(path)) == 2
    write(path)
    assert path.read_bytes() == NEW
    assert names(path) == [path.name]


@posix
def test_a_writer_that_lives_is_not_tidied_away(path):
    with atomic_write(path) as slow:
        slow.write(b"slow")
        write(path, b"quick")
        assert path.read_bytes() == b"quick"
    assert path.read_bytes() == b"slow"
    assert names(path) == [path.name]


def test_files_of_others_stay(path):
    others = [".model.keras.tmp", ".model.keras.1234567.tmp", ".other.keras.12345678.tmp", "a.tmp"]
    for name in others:
        (path.parent / name).write_bytes(b"")
    write(path)
    assert names(path) == sorted([path.name, *others])


def test_many_writers_at_once(path):
    """Each file that is ever there is one writer's, whole, and nothing else is left."""
    parts = [bytes([i]) * 50_000 for i in range(4)]
    errors = []

    def work(data):
        try:
            for _ in range(10):
                write(path, data)
                assert path.read_bytes() in parts
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(data,)) for data in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert names(path) == [path.name]


@posix
@pytest.mark.parametrize("mode", [0o640, 0o777, 0o600])
def test_the_permissions_are_those_of_the_old_file(path, mode):
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_new_file_has_the_permissions_that_open_gives(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write(tmp_path / "atomic")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")}
    assert len(modes) == 1


@posix
def test_a_symbolic_link_stays_and_its_file_is_replaced(path):
    folder = path.parent / "elsewhere"
    folder.mkdir()
    link = folder / "latest.keras"
    link.symlink_to(path)
    write(link)
    assert link.is_symlink()
    assert path.read_bytes() == NEW
    assert names(link) == [link.name]


@posix
def test_a_link_to_nothing_gets_its_file_and_one_in_a_circle_is_refused(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    write(link)
    assert (tmp_path / "file").read_bytes() == NEW
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    with pytest.raises(OSError, match="symbolic links"):
        write(circle)
    assert circle.is_symlink()


@posix
def test_a_folder_that_is_read_only(as_a_plain_user):
    path = as_a_plain_user / "model.keras"
    path.write_bytes(OLD)
    as_the_owner(as_a_plain_user.chmod, 0o555)
    with pytest.raises(PermissionError, match=r"nothing was\s+changed.*must exist"):
        write(path)
    assert path.read_bytes() == OLD
    assert names(path) == [path.name]


@posix
def test_a_file_that_is_read_only(as_a_plain_user):
    path = as_a_plain_user / "model.keras"
    path.write_bytes(OLD)
    path.chmod(0o444)
    with pytest.raises(PermissionError):
        write(path)
    assert path.read_bytes() == OLD
    assert names(path) == [path.name]


def test_what_is_not_a_file_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="path of a file"):
        write(tmp_path)
    with pytest.raises(FileNotFoundError, match="must exist"):
        write(tmp_path / "missing" / "a.bin")


@posix
def test_a_device_or_a_pipe_is_refused_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        with pytest.raises(OSError, match="device or a pipe"):
            write(path)
    assert pipe.is_fifo()
    assert Path("/dev/null").is_char_device()


def test_names_as_long_as_the_file_system_allows(tmp_path):
    for name in ("a" * 255, "é" * 127):
        write(tmp_path / name)
        assert (tmp_path / name).read_bytes() == NEW


@posix
def test_a_file_system_without_locks_or_folder_flushing(path, monkeypatch):
    def refused(*args):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    fsync = os.fsync
    monkeypatch.setattr(atomic.fcntl, "flock", refused)
    monkeypatch.setattr(
        os, "fsync", lambda fd: refused() if stat.S_ISDIR(os.fstat(fd).st_mode) else fsync(fd)
    )
    write(path)
    assert path.read_bytes() == NEW


def test_the_file_and_then_its_folder_are_flushed_to_disk(path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def watched(descriptor):
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("folder" if is_folder else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), replace(a, b)))
    write(path)
    assert done == ["file", "rename", "folder"]
