"""MNIST from a folder, from Keras's file, and through the cache; and what each says when wrong."""

import gzip
import hashlib

import numpy as np
import pytest

from minidl.datasets import DataFileError, DataFileMissingError, DownloadError, mnist

PARTS = ("train", "t10k")
NAMES = ("x_train", "y_train", "x_test", "y_test")


def assert_same(result, pairs):
    for found, expected in zip(result, pairs, strict=True):
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == np.uint8
            np.testing.assert_array_equal(a, b)


def arrays(pairs):
    return dict(zip(NAMES, (array for pair in pairs for array in pair), strict=True))


@pytest.mark.parametrize(
    "pattern",
    [
        "{stem}-idx{axes}-ubyte",
        "{stem}-idx{axes}-ubyte.gz",
        "{stem}.idx{axes}-ubyte",
        "{stem}.idx{axes}-ubyte.gz",
        "{stem}-idx{axes}-ubyte/{stem}-idx{axes}-ubyte",
    ],
)
def test_folder_under_every_usual_name(tmp_path, pairs, write_files, pattern):
    folder = write_files(tmp_path / "data", pairs, PARTS, pattern)
    assert_same(mnist.load_data(folder), pairs)
    assert_same(mnist.load_data(path=str(folder)), pairs)


def test_home_folder_is_written_out(tmp_path, pairs, write_files, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_files(tmp_path / "data", pairs, PARTS)
    assert_same(mnist.load_data("~/data"), pairs)


def test_missing_file_says_what_was_there(tmp_path, pairs, write_files):
    folder = write_files(tmp_path, pairs, PARTS)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    (folder / "notes.txt").touch()
    with pytest.raises(DataFileMissingError) as caught:
        mnist.load_data(folder)
    message = str(caught.value)
    assert str(folder) in message
    for name in ("t10k-labels-idx1-ubyte, ", "t10k-labels.idx1-ubyte.gz"):
        assert name in message.split("found")[0]
    for name in ("notes.txt", "train-images-idx3-ubyte.gz"):
        assert name in message.split("found")[1]


def test_missing_folder_and_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        mnist.load_data(tmp_path / "nowhere")
    with pytest.raises(DataFileMissingError, match="found nothing"):
        mnist.load_data(tmp_path)


def test_counts_that_do_not_match(tmp_path, pairs, write_files):
    (images, labels), test = pairs
    folder = write_files(tmp_path, [(images, labels[:-2]), test], PARTS)
    with pytest.raises(DataFileError, match=r"received 7 images in .*images.* but 5 labels in"):
        mnist.load_data(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[:, :14], y), r"uint8 of shape \(7, 14, 28\), expected .*\(n, 28, 28\)"),
        (lambda x, y: (x.astype(np.int32), y), r"int32 of shape \(7, 28, 28\), expected uint8"),
        (lambda x, y: (x, y.astype(np.int32)), r"int32 of shape \(7,\), expected uint8"),
    ],
)
def test_files_of_another_shape_or_type(tmp_path, pairs, write_files, change, message):
    train, test = pairs
    folder = write_files(tmp_path, [change(*train), test], PARTS)
    with pytest.raises(DataFileError, match=message):
        mnist.load_data(folder)


def test_labels_in_the_images_place(tmp_path, pairs, write_files):
    folder = write_files(tmp_path, pairs, PARTS)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(
        (folder / "train-labels-idx1-ubyte.gz").read_bytes()
    )
    with pytest.raises(DataFileError, match=r"shape \(7,\), expected uint8 of shape \(n, 28, 28\)"):
        mnist.load_data(folder)


def test_damaged_file_in_a_folder(tmp_path, pairs, write_files):
    folder = write_files(tmp_path, pairs, PARTS)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataFileError, match=r"train-images-idx3-ubyte\.gz: .*stops in the middle"):
        mnist.load_data(folder)


def test_single_file_instead_of_a_folder(tmp_path, pairs, write_files):
    folder = write_files(tmp_path, pairs, PARTS)
    with pytest.raises(DataFileError, match="received a file, expected a folder"):
        mnist.load_data(folder / "train-images-idx3-ubyte.gz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, pairs, save):
    save(tmp_path / "mnist.npz", **arrays(pairs))
    assert_same(mnist.load_data(tmp_path / "mnist.npz"), pairs)


def test_kerass_own_default_is_read_from_here_if_it_is_here(tmp_path, pairs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "mnist.npz", **arrays(pairs))
    assert_same(mnist.load_data("mnist.npz"), pairs)


def test_npz_errors(tmp_path, pairs):
    path = tmp_path / "a.npz"
    with pytest.raises(DataFileMissingError, match="no such file"):
        mnist.load_data(path)
    good = arrays(pairs)

    np.savez(path, **{name: good[name] for name in NAMES[:3]}, y_tset=good["y_test"])
    with pytest.raises(DataFileError, match=r"expected the arrays x_train.*found .*y_tset"):
        mnist.load_data(path)
    np.savez(path, **good | {"x_train": np.array([{}, None])})
    with pytest.raises(DataFileError, match=r"plain arrays .*allow_pickle"):
        mnist.load_data(path)
    np.savez(path, **good | {"x_train": np.float64(3)})
    with pytest.raises(DataFileError, match=r"x_train: received float64 of shape \(\)"):
        mnist.load_data(path)
    np.savez(path, **good | {"y_test": good["y_test"][1:]})
    with pytest.raises(DataFileError, match=r"3 images in .*x_test, but 2 labels in .*y_test"):
        mnist.load_data(path)
    whole = path.read_bytes()
    for damaged in (b"", b"<html>", whole[:-100], whole[:400] + whole[500:]):
        path.write_bytes(damaged)
        with pytest.raises(DataFileError, match=r"cannot be read as an .npz"):
            mnist.load_data(path)
    with path.open("wb") as stream:
        np.save(stream, good["x_train"])  # one array, no archive
    with pytest.raises(DataFileError, match=r"cannot be read as an .npz"):
        mnist.load_data(path)


@pytest.fixture
def mirrored(tmp_path, pairs, write_files, server, home, monkeypatch):
    """A local mirror with the tiny files, behind another one that has nothing."""
    folder = write_files(tmp_path / "mirror", pairs, PARTS)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, data in files.items():
        server.give("second/" + name, data)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "first/", server.url + "second/"))
    digests = {name: hashlib.md5(data).hexdigest() for name, data in files.items()}
    assert mnist.MD5.keys() == digests.keys()
    monkeypatch.setattr(mnist, "MD5", digests)
    return server


@pytest.mark.parametrize("path", [None, "mnist.npz"])
def test_download_once_from_the_mirror_that_has_it(mirrored, pairs, home, tmp_path, path, capfd):
    assert_same(mnist.load_data(path), pairs)
    asked = len(mirrored.asked)
    assert asked == 8
    kept = sorted(p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file())
    assert kept == sorted(f"datasets/mnist/{name}" for name in mnist.MD5)
    assert "train-images-idx3-ubyte.gz" in capfd.readouterr().err

    assert_same(mnist.load_data(path), pairs)
    assert len(mirrored.asked) == asked


def test_what_is_there_already_is_not_downloaded_again(mirrored, pairs, home):
    mnist.load_data()
    (home / "datasets/mnist/t10k-labels-idx1-ubyte.gz").unlink()
    mirrored.asked.clear()
    assert_same(mnist.load_data(), pairs)
    assert [path.rpartition("/")[2] for path, _ in mirrored.asked] == [
        "t10k-labels-idx1-ubyte.gz"
    ] * 2


def test_download_that_fails_names_every_address(mirrored, home):
    mirrored.give("second/train-images-idx3-ubyte.gz", gzip.compress(b"something else"))
    with pytest.raises(DownloadError) as caught:
        mnist.load_data()
    assert mirrored.url + "first/train-images-idx3-ubyte.gz" in str(caught.value)
    assert mirrored.url + "second/train-images-idx3-ubyte.gz" in str(caught.value)
    kept = {path.name for path in home.rglob("*") if path.is_file()}
    assert kept <= mnist.MD5.keys() - {"train-images-idx3-ubyte.gz"}  # whole ones only


def test_published_checksums_and_addresses():
    assert [len(md5) for md5 in mnist.MD5.values()] == [32] * 4
    assert all(url.startswith("https://") and url.endswith("/") for url in mnist.MIRRORS)
    assert len(mnist.MIRRORS) >= 2
