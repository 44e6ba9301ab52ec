"""EMNIST from folders, from its archive and through the cache, upright and as stored."""

import contextlib
import gzip
import hashlib
import zipfile

import numpy as np
import pytest

from minidl.datasets import DataFileError, DataFileMissingError, DownloadError, emnist

PARTS = ("emnist-digits-train", "emnist-digits-test")


def assert_upright(result, pairs):
    for (x, y), (images, labels) in zip(result, pairs, strict=True):
        assert x.dtype == y.dtype == np.uint8
        assert x.flags.c_contiguous
        assert x.flags.writeable
        for i in range(len(images)):
            np.testing.assert_array_equal(x[i], images[i].T)
        np.testing.assert_array_equal(y, labels)


@pytest.fixture
def archive(tmp_path, pairs, write_files):
    """The archive as NIST makes it: a folder `gzip` of gzipped files, and other files besides."""
    folder = write_files(tmp_path / "unpacked", pairs, PARTS)
    path = tmp_path / "kept" / "gzip.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.mkdir("gzip")
        zipped.writestr("gzip/emnist-digits-mapping.txt", "0 48\n")
        for split in ("letters", "byclass"):
            zipped.writestr(f"gzip/emnist-{split}-train-images-idx3-ubyte.gz", b"damaged")
        for file in folder.iterdir():
            zipped.write(file, f"gzip/{file.name}")
    return path


@pytest.mark.parametrize(
    "pattern",
    [
        "{stem}-idx{axes}-ubyte.gz",
        "{stem}-idx{axes}-ubyte",
        "gzip/{stem}-idx{axes}-ubyte.gz",
        "{stem}-idx{axes}-ubyte/{stem}-idx{axes}-ubyte",
        "gzip/{stem}-idx{axes}-ubyte/{stem}-idx{axes}-ubyte",  # as in the notebook
    ],
)
def test_folder(tmp_path, pairs, write_files, pattern):
    folder = write_files(tmp_path, pairs, PARTS, pattern)
    assert_upright(emnist.load_data(path=folder), pairs)


def test_archive_is_read_without_its_other_members(archive, pairs):
    assert_upright(emnist.load_data("digits", archive), pairs)
    assert_upright(emnist.load_data("digits", archive.parent), pairs)
    assert [path.name for path in archive.parent.iterdir()] == ["gzip.zip"]


def test_as_stored(archive, pairs):
    (x_train, y_train), (x_test, _) = emnist.load_data(path=archive, upright=False)
    np.testing.assert_array_equal(x_train, pairs[0][0])
    np.testing.assert_array_equal(y_train, pairs[0][1])
    np.testing.assert_array_equal(x_test, pairs[1][0])


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
def test_upright_some_images_at_a_time(archive, pairs, monkeypatch, at_once):
    monkeypatch.setattr(emnist, "_IMAGES_AT_ONCE", at_once)
    assert_upright(emnist.load_data(path=archive), pairs)


def test_upright_takes_little_more_memory_than_the_images(tmp_path, write_files, peak_memory):
    images, labels = np.zeros((20_000, 28, 28), np.uint8), np.zeros(20_000, np.uint8)
    folder = write_files(
        tmp_path, [(images, labels), (images[:9], labels[:9])], PARTS, "{stem}-idx{axes}-ubyte"
    )
    with peak_memory() as peak:
        emnist.load_data(path=folder)
    assert peak[0] < 1.5 * images.nbytes


@pytest.mark.parametrize("split", emnist.SPLITS)
def test_every_split_has_its_own_files(tmp_path, pairs, write_files, split):
    folder = write_files(tmp_path, pairs, (f"emnist-{split}-train", f"emnist-{split}-test"))
    assert_upright(emnist.load_data(split, folder), pairs)


@pytest.mark.parametrize(("split", "near"), [("digit", "'digits'"), ("Letters", "'letters'")])
def test_unknown_split(split, near):
    with pytest.raises(ValueError, match=f"Unknown split '{split}'.*Did you mean {near}"):
        emnist.load_data(split)


def test_errors_of_an_archive(archive, tmp_path):
    with pytest.raises(DataFileMissingError) as caught:
        emnist.load_data("balanced", archive)
    assert "emnist-balanced-train-labels-idx1-ubyte.gz" in str(caught.value)
    assert "emnist-digits-mapping.txt" in str(caught.value)

    whole = archive.read_bytes()
    for damaged in (b"", b"<html>", whole[:-30]):
        archive.write_bytes(damaged)
        with pytest.raises(DataFileError, match="cannot be read as a zip archive"):
            emnist.load_data(path=archive)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        emnist.load_data(path=tmp_path / "nowhere")


def test_damaged_member_is_named(tmp_path):
    path = tmp_path / "gzip.zip"
    member = "gzip/emnist-digits-train-labels-idx1-ubyte.gz"
    for data, message in (
        (b"\0\0\x08\1\0\0\0\1\0", "not gzip though its name"),
        (gzip.compress(b"\0\0\x08\1\0\0\0\4abc"), "data ends after 11"),
        (gzip.compress(b"\0\0\x08\1\0\0\0\2abc"), "more bytes follow"),
    ):
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr(member, data)
        with pytest.raises(DataFileError, match=f"gzip.zip: {member}: .*{message}"):
            emnist.load_data(path=path)


def test_every_changed_byte_gives_only_the_documented_errors(archive):
    whole = archive.read_bytes()
    random = np.random.default_rng(5)
    for place in random.integers(0, len(whole), 200):
        changed = bytearray(whole)
        changed[place] ^= random.integers(1, 256)
        archive.write_bytes(changed)
        with contextlib.suppress(DataFileError):
            emnist.load_data(path=archive)


def test_counts_that_do_not_match(tmp_path, pairs, write_files):
    (images, labels), test = pairs
    folder = write_files(tmp_path, [(images[:-1], labels), test], PARTS)
    with pytest.raises(DataFileError, match=r"6 images in .* but 7 labels in"):
        emnist.load_data(path=folder)


def test_download_once(archive, pairs, server, home, monkeypatch):
    data = archive.read_bytes()
    monkeypatch.setattr(emnist, "URLS", (server.give("gzip.zip", data),))
    monkeypatch.setattr(emnist, "MD5", hashlib.md5(data).hexdigest())
    assert_upright(emnist.load_data(), pairs)
    assert_upright(emnist.load_data("digits"), pairs)
    assert len(server.asked) == 1
    assert [p for p in home.rglob("*") if p.is_file()] == [home / "datasets/emnist/gzip.zip"]


def test_download_cut_in_the_middle(archive, server, home, monkeypatch):
    data = archive.read_bytes()
    monkeypatch.setattr(emnist, "URLS", (server.give("gzip.zip", data, "cut"),))
    monkeypatch.setattr(emnist, "MD5", hashlib.md5(data).hexdigest())
    with pytest.raises(DownloadError, match="broke off in the middle"):
        emnist.load_data()
    assert not [p for p in home.rglob("*") if p.is_file()]
