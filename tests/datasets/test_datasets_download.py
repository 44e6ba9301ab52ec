"""Downloads, against a server on this machine: whole files are kept, and nothing else is."""

import hashlib
import logging
import sys
from pathlib import Path

import numpy as np
import pooch
import pytest

from minidl.datasets import DownloadError, download

DATA = np.random.default_rng(3).bytes(300_000)
MD5 = hashlib.md5(DATA).hexdigest()


def fetch(folder, *urls):
    return download.fetch("data.gz", urls, MD5, folder)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def test_whole_file_is_kept_and_not_asked_for_again(tmp_path, server, capfd):
    url = server.give("data.gz", DATA)
    path = fetch(tmp_path / "new" / "folder", url)
    assert path == tmp_path / "new" / "folder" / "data.gz"
    assert path.read_bytes() == DATA
    assert files(tmp_path) == [path]
    out, err = capfd.readouterr()
    assert "data.gz" in err
    assert "300.0/300.0 kB" in err  # the bar ends full
    assert out == ""

    fetch(path.parent, url)
    assert len(server.asked) == 1
    assert server.asked[0][1] == "identity"  # a server must not unpack the file on its way


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut", "the connection broke off in the middle of the file"),
        ("missing", "the server does not give it .404"),
        ("stall", "no connection|no answer in time"),
    ],
)
def test_failure_is_named_and_leaves_nothing(tmp_path, server, monkeypatch, how, message):
    monkeypatch.setattr(download, "TIMEOUT", (0.5, 0.2))
    url = server.give("data.gz", DATA, how)
    with pytest.raises(DownloadError, match=message) as caught:
        fetch(tmp_path, url)
    assert url in str(caught.value)
    assert MD5 in str(caught.value)
    assert "by hand" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert files(tmp_path) == []


@pytest.mark.parametrize("how", ["whole", "no length"])
def test_wrong_checksum_says_both(tmp_path, server, how):
    other = DATA[:-5]
    url = server.give("data.gz", other, how)
    with pytest.raises(DownloadError, match="another file was received") as caught:
        fetch(tmp_path, url)
    assert MD5 in str(caught.value)
    assert hashlib.md5(other).hexdigest() in str(caught.value)
    assert files(tmp_path) == []


def test_no_connection(tmp_path, closed_port, monkeypatch, capfd):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DownloadError, match="no connection") as caught:
        fetch(tmp_path, closed_port)
    assert isinstance(caught.value, OSError)
    assert closed_port in str(caught.value)
    assert capfd.readouterr().err.strip() == ""  # no bar for a file that never began
    assert files(tmp_path) == []


def test_address_of_no_use(tmp_path):
    with pytest.raises(DownloadError, match="it cannot be asked for"):
        fetch(tmp_path, "http://")
    assert files(tmp_path) == []


def test_next_mirror_is_tried(tmp_path, server, closed_port):
    urls = [
        closed_port,
        server.give("cut", DATA, "cut"),
        server.give("other", b"other"),
        server.url + "missing",
        server.give("data.gz", DATA),
    ]
    assert fetch(tmp_path, *urls).read_bytes() == DATA
    assert [path for path, _ in server.asked] == ["/cut", "/other", "/missing", "/data.gz"]
    assert [path.name for path in files(tmp_path)] == ["data.gz"]


def test_all_mirrors_are_named(tmp_path, server, closed_port):
    cut = server.give("cut", DATA, "cut")
    with pytest.raises(DownloadError) as caught:
        fetch(tmp_path, closed_port, cut, server.url + "missing")
    for words in (closed_port, "no connection", cut, "broke off", "missing", "404"):
        assert words in str(caught.value)


def test_damaged_file_in_the_cache_is_replaced_only_by_a_whole_one(tmp_path, server):
    path = tmp_path / "data.gz"
    path.write_bytes(b"damaged")
    with pytest.raises(DownloadError, match=hashlib.md5(b"damaged").hexdigest()):
        fetch(tmp_path, server.give("cut", DATA, "cut"))
    assert path.read_bytes() == b"damaged"
    fetch(tmp_path, server.give("data.gz", DATA))
    assert path.read_bytes() == DATA


def test_interrupt_by_the_user_leaves_nothing(tmp_path, server, monkeypatch):
    def interrupt(bar, count):
        raise KeyboardInterrupt

    monkeypatch.setattr(download._Bar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, server.give("data.gz", DATA))
    assert files(tmp_path) == []


def test_folder_that_cannot_be_written_to(tmp_path, server):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"could not be written into .*MINIDL_HOME"):
        fetch(tmp_path / "file" / "folder", server.give("data.gz", DATA))


def test_pooch_is_asked_for_only_when_it_is_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[datasets\]"') as caught:
        fetch(tmp_path, "https://example.org/data.gz")
    assert "https://example.org/data.gz" in str(caught.value)
    (tmp_path / "data.gz").write_bytes(DATA)
    assert fetch(tmp_path).read_bytes() == DATA


def test_poochs_logger_is_left_as_it_was(tmp_path, server, monkeypatch):
    logger = pooch.get_logger()
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    fetch(tmp_path, server.give("data.gz", DATA))
    assert logger.level == logging.DEBUG
    with pytest.raises(DownloadError):
        fetch(tmp_path / "other", server.url + "missing")
    assert logger.level == logging.DEBUG


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MINIDL_HOME", raising=False)
    assert download.cache_folder("mnist") == tmp_path / ".minidl" / "datasets" / "mnist"
    monkeypatch.setenv("MINIDL_HOME", "")
    assert download.cache_folder("mnist") == tmp_path / ".minidl" / "datasets" / "mnist"
    monkeypatch.setenv("MINIDL_HOME", "~/elsewhere")
    assert download.cache_folder("mnist") == Path(tmp_path, "elsewhere", "datasets", "mnist")
