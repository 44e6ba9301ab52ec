"""get_file and unpacking: what is fetched once, what is refused, what is never written."""

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from minidl.datasets import DownloadError
from minidl.utils import archives, get_file
from tests.datasets.conftest import closed_port, home, server

__all__ = ["closed_port", "home", "server"]

DATA = b"some bytes"
MD5, SHA = hashlib.md5(DATA).hexdigest(), hashlib.sha256(DATA).hexdigest()


def tar_bytes(members, mode="w:gz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)
    return stream.getvalue()


def zip_bytes(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def content(folder):
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class TestGetFile:
    @pytest.mark.parametrize("digest", [None, MD5, SHA, SHA.upper()])
    def test_once(self, server, home, digest):
        origin = server.give("data.csv", DATA)
        paths = {get_file("mine.csv", origin, file_hash=digest) for _ in range(2)}
        assert paths == {str(home / "datasets" / "mine.csv")}
        assert Path(paths.pop()).read_bytes() == DATA
        assert len(server.asked) == 1
        get_file("mine.csv", origin, file_hash=digest, force_download=True)
        assert len(server.asked) == 2

    def test_wrong_checksum(self, server, home):
        origin = server.give("data.csv", b"others")
        with pytest.raises(DownloadError, match=f"sha256 {SHA}"):
            get_file("data.csv", origin, file_hash=SHA)
        with pytest.raises(DownloadError, match=f"md5 {MD5}"):
            get_file("data.csv", origin, md5_hash=MD5)
        assert content(home) == {}

    @pytest.mark.parametrize(
        ("archive", "name", "folder"),
        [
            (tar_bytes, "a.tar.gz", "a_extracted"),
            (zip_bytes, "a.zip", "a_extracted"),
            (tar_bytes, "plain", "plain"),
        ],
    )
    def test_unpacked_once(self, server, home, archive, name, folder):
        origin = server.give("archive", archive({"inner/one.txt": DATA, "two.txt": b""}))
        path = get_file(name, origin, extract=True)
        assert path == str(home / "datasets" / folder)
        assert content(path) == {os.path.join("inner", "one.txt"): DATA, "two.txt": b""}
        os.unlink(os.path.join(path, "two.txt"))
        get_file(name, origin, extract=True)
        assert len(content(path)) == 1  # neither fetched nor unpacked again
        get_file(name, origin, extract=True, force_download=True)
        assert len(content(path)) == 2

    def test_no_archive(self, server, home):
        origin = server.give("data", DATA)
        with pytest.raises(ValueError, match="no archive of the format tar or zip"):
            get_file("data.tar", origin, extract=True)
        with pytest.raises(ValueError, match="no archive of the format tar"):
            get_file("data.tar", origin, untar=True)

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="no origin"):
            get_file("a")
        for name in ("../a", "a/b", "/a", "..", "a\\b"):
            with pytest.raises(ValueError, match="expected a bare name"):
                get_file(name, "https://example.org/a")
        with pytest.raises(ValueError, match="expected a bare name"):
            get_file(None, "https://example.org/")
        with pytest.raises(ValueError, match="file_hash='abc', expected 32 or 64"):
            get_file("a", "https://example.org/a", file_hash="abc")
        with pytest.raises(ValueError, match="hash_algorithm='crc'"):
            get_file("a", "https://example.org/a", file_hash=MD5, hash_algorithm="crc")

    def test_unknown_format(self, server, home):
        origin = server.give("a.tar.gz", tar_bytes({"a": b""}))
        with pytest.raises(ValueError, match="archive_format='rar'"):
            get_file("a.tar.gz", origin, extract=True, archive_format="rar")

    def test_no_network(self, closed_port, home, monkeypatch):
        monkeypatch.setenv("no_proxy", "*")
        with pytest.raises(DownloadError, match="no connection"):
            get_file("a", closed_port)


NAMES = ["../evil", "/tmp/evil", "a/../../evil", "C:\\evil", "..\\evil", "a/..\\..\\evil"]


class TestUnpack:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("make", [tar_bytes, zip_bytes])
    def test_members_that_lead_outside(self, tmp_path, make, name):
        archive = tmp_path / "a"
        archive.write_bytes(make({"good": DATA, name: b"evil"}))
        with pytest.raises(ValueError, match="outside the folder"):
            archives.unpack(archive, tmp_path / "inner" / "folder")
        assert content(tmp_path).keys() == {"a"}

    @pytest.mark.parametrize(
        "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
    )
    def test_links_and_devices(self, tmp_path, kind):
        archive = tmp_path / "a"
        archive.write_bytes(tar_bytes({"good": DATA, "link": (kind, "/etc"), "link/x": b"evil"}))
        with pytest.raises(ValueError, match="a link or a device"):
            archives.unpack(archive, tmp_path / "folder")
        assert content(tmp_path).keys() == {"a"}

    def test_no_file_is_made_to_run(self, tmp_path):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            info = tarfile.TarInfo("run")
            info.mode = 0o6777
            tar.addfile(info)
        (tmp_path / "a").write_bytes(stream.getvalue())
        assert archives.unpack(tmp_path / "a", tmp_path / "folder")
        assert not (tmp_path / "folder" / "run").stat().st_mode & (stat.S_IXUSR | stat.S_ISUID)

    def test_a_damaged_archive_leaves_nothing(self, tmp_path):
        archive = tmp_path / "a"
        whole = zip_bytes({f"{i}": os.urandom(1000) for i in range(5)})
        archive.write_bytes(whole[:2500] + b"xxxx" + whole[2504:])
        with pytest.raises(zipfile.BadZipFile):
            archives.unpack(archive, tmp_path / "folder")
        assert content(tmp_path).keys() == {"a"}

    def test_what_was_there_before_is_replaced(self, tmp_path):
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "old").write_bytes(b"")
        (tmp_path / "a").write_bytes(tar_bytes({"new/": (tarfile.DIRTYPE, ""), "b": DATA}))
        assert archives.unpack(tmp_path / "a", tmp_path / "folder")
        assert content(tmp_path / "folder") == {"b": DATA}
        assert (tmp_path / "folder" / "new").is_dir()
