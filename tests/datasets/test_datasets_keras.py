"""Keras's datasets out of small files of the same kind, and the errors of files of another kind."""

import gzip
import hashlib
import io
import json
import pickle
import tarfile

import numpy as np
import pytest

from minidl.datasets import (
    DataFileError,
    DataFileMissingError,
    DownloadError,
    boston_housing,
    california_housing,
    cifar,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    reuters,
    shuffled,
)

RNG = np.random.default_rng(0)


def texts(*lengths):
    return np.fromiter([list(range(1, n + 1)) for n in lengths], dtype=object, count=len(lengths))


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "imdb.npz"
    y = np.array([0, 1, 1, 0])
    np.savez(path, x_train=texts(1, 2, 3, 4), y_train=y, x_test=texts(5, 6, 6, 6), y_test=y)
    return path


@pytest.fixture
def wires(tmp_path):
    path = tmp_path / "reuters.npz"
    np.savez(path, x=texts(*range(1, 11)), y=np.arange(10))
    return path


def image_batch(n, label_keys, classes):
    data = RNG.integers(0, 256, (n, 3072), dtype=np.uint8)
    labels = {key.encode(): [int(i) for i in RNG.integers(0, classes, n)] for key in label_keys}
    return {b"data": data, b"batch_label": b"a batch", **labels}


def tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def batches10():
    names = [name for group in cifar10.PARTS for name in group]
    return {name: image_batch(4, ["labels"], 10) for name in names}


class TestIMDB:
    def test_order_start_and_rare_words(self, reviews):
        (x_train, y_train), (x_test, y_test) = imdb.load_data(reviews)
        order = np.arange(4)
        np.random.RandomState(113).shuffle(order)
        assert [len(x) - 1 for x in x_train] == [int(n) + 1 for n in order]
        assert y_train.tolist() == np.array([0, 1, 1, 0])[order].tolist()
        assert x_train.dtype == object
        assert x_test.shape == y_test.shape == (4,)
        # The highest number, 9, is itself left out: so it is in Keras.
        assert max(x_test, key=len) == [1, 4, 5, 6, 7, 8, 2]

    def test_settings(self, reviews):
        settings = {"start_char": None, "oov_char": None, "index_from": 0}
        (x_train, _), (x_test, _) = imdb.load_data(reviews, num_words=5, skip_top=2, **settings)
        assert sorted(map(len, x_train)) == [0, 1, 2, 3]
        assert [x for x in x_test] == [[2, 3, 4]] * 4
        (x_train, y_train), _ = imdb.load_data(reviews, maxlen=7)
        assert len(x_train) == len(y_train) == 4
        (_, _), (x_test, y_test) = imdb.load_data(reviews, maxlen=7)
        assert len(x_test) == len(y_test) == 1
        with pytest.raises(ValueError, match="maxlen=2, the shortest has 2 words"):
            imdb.load_data(reviews, maxlen=2)

    def test_equal_lengths_stay_lists(self, tmp_path):
        path = tmp_path / "a.npz"
        x = texts(3, 3)
        np.savez(path, x_train=x, y_train=[0, 1], x_test=x, y_test=[1, 0])
        (x_train, _), _ = imdb.load_data(path)
        assert x_train.shape == (2,)
        assert isinstance(x_train[0], list)

    def test_another_file(self, tmp_path):
        path = tmp_path / "a.npz"
        with pytest.raises(DataFileMissingError, match="no such file"):
            imdb.load_data(path)
        y = [0, 1]
        wrong = np.fromiter([["a"], [1]], dtype=object, count=2)
        for x in (wrong, np.zeros((2, 3)), np.array([1, 2, 3])):
            np.savez(path, x_train=x, y_train=y, x_test=texts(1, 2), y_test=y)
            with pytest.raises(DataFileError, match="lists of word numbers"):
                imdb.load_data(path)
        np.savez(path, x_train=np.array([print, print]), y_train=y, x_test=y, y_test=y)
        with pytest.raises(DataFileError, match=r"names builtins\.print"):
            imdb.load_data(path)


class TestReuters:
    def test_split(self, wires):
        (x_train, y_train), (x_test, y_test) = reuters.load_data(wires, test_split=0.3)
        assert len(x_train) == len(y_train) == 7
        assert len(x_test) == len(y_test) == 3
        lengths = [len(x) - 2 for x in (*x_train, *x_test)]
        assert lengths == [*y_train, *y_test]
        with pytest.raises(ValueError, match="test_split=1"):
            reuters.load_data(wires, test_split=1)

    def test_labels(self):
        names = reuters.get_label_names()
        assert len(names) == len(set(names)) == 46


@pytest.mark.parametrize("module", [imdb, reuters])
def test_word_index(module, tmp_path):
    path = tmp_path / "words.json"
    path.write_text(json.dumps({"the": 1, "déjà": 2}), encoding="utf-8")
    assert module.get_word_index(path) == {"the": 1, "déjà": 2}
    for text, message in (("{", "no JSON"), ("[1]", "words and their"), ('{"a": "b"}', "words")):
        path.write_text(text)
        with pytest.raises(DataFileError, match=message):
            module.get_word_index(path)


class TestHousing:
    @pytest.mark.parametrize("module", [boston_housing, california_housing])
    def test_order_and_split(self, module, tmp_path):
        path = tmp_path / "a.npz"
        x = np.arange(10.0 * module.COLUMNS).reshape(10, -1)
        np.savez(path, x=x, y=np.arange(10.0))
        (x_train, y_train), (x_test, y_test) = module.load_data(path=path)
        assert x_train.shape == (8, module.COLUMNS)
        assert x_test.shape == (2, module.COLUMNS)
        order = np.arange(10)
        np.random.RandomState(113).shuffle(order)
        assert [*y_train, *y_test] == order.tolist()
        assert (np.concatenate([x_train, x_test])[:, 0] == order * module.COLUMNS).all()

    def test_small(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, x=np.zeros((900, 8), "f4"), y=np.arange(900.0))
        (_, y_train), (_, y_test) = california_housing.load_data("small", path)
        assert sorted([*y_train, *y_test]) == list(range(600))
        with pytest.raises(ValueError, match="version='tiny'"):
            california_housing.load_data("tiny", path)

    def test_another_file(self, tmp_path):
        path = tmp_path / "a.npz"
        for x, y in ((np.zeros((5, 12)), np.zeros(5)), (np.zeros((5, 13)), np.zeros(4))):
            np.savez(path, x=x, y=y)
            with pytest.raises(DataFileError, match=r"expected (numbers of|a number for)"):
                boston_housing.load_data(path)


class TestCIFAR:
    def check(self, loaded, batches):
        (x_train, y_train), (x_test, y_test) = loaded
        assert x_train.shape == (20, 32, 32, 3)
        assert y_train.shape == (20, 1)
        assert x_train.dtype == y_train.dtype == y_test.dtype == np.uint8
        third = batches["data_batch_3"]
        assert y_train[8:12, 0].tolist() == third[b"labels"]
        # A file has 1024 red ones row by row, then green, then blue.
        assert x_train[9, 2, 5].tolist() == third[b"data"][1, [69, 69 + 1024, 69 + 2048]].tolist()
        assert x_test.shape == (4, 32, 32, 3)

    @pytest.mark.parametrize("protocol", [0, 2, 4])
    def test_archive_and_folder(self, tmp_path, batches10, protocol):
        files = {n: pickle.dumps(b, protocol) for n, b in batches10.items()}
        inner = {f"cifar-10-batches-py/{name}": data for name, data in files.items()}
        extra = {"cifar-10-batches-py/readme.html": b"hello"}
        self.check(cifar10.load_data(tar(tmp_path / "a.tar.gz", inner | extra)), batches10)
        folder = tmp_path / "cifar-10-batches-py"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        self.check(cifar10.load_data(folder), batches10)
        self.check(cifar10.load_data(tmp_path), batches10)
        (folder / "test_batch").unlink()
        with pytest.raises(DataFileMissingError, match="expected the file test_batch, found data"):
            cifar10.load_data(folder)

    def test_fine_and_coarse(self, tmp_path):
        batches = {
            n: image_batch(3, ["fine_labels", "coarse_labels"], 20) for n in ("train", "test")
        }
        files = {f"cifar-100-python/{n}": pickle.dumps(b, 2) for n, b in batches.items()}
        path = tar(tmp_path / "a.tar.gz", files)
        for mode in ("fine", "coarse"):
            (_, y), _ = cifar100.load_data(mode, path)
            assert y[:, 0].tolist() == batches["train"][f"{mode}_labels".encode()]
        with pytest.raises(ValueError, match="label_mode='middle'"):
            cifar100.load_data("middle", path)

    def test_files_of_another_kind(self, tmp_path, batches10):
        path = tmp_path / "a.tar.gz"
        inner = "cifar-10-batches-py/"
        good = {inner + n: pickle.dumps(b, 2) for n, b in batches10.items()}
        for change, message in (
            ({b"data": np.zeros((4, 3072))}, "expected uint8 images"),
            ({b"data": np.zeros((4, 100), np.uint8)}, r"found \(4, 100\)"),
            ({b"data": [1, 2]}, "found none"),
            ({b"labels": [0, 1, 2]}, "class number from 0 to 9 for each of the 4"),
            ({b"labels": [0, 1, 2, 10]}, "class number from 0 to 9"),
            ({b"labels": print}, "names builtins.print"),
        ):
            bad = pickle.dumps({**batches10["test_batch"], **change}, 3)
            with pytest.raises(DataFileError, match=message):
                cifar10.load_data(tar(path, good | {inner + "test_batch": bad}))
        with pytest.raises(DataFileMissingError, match="and test_batch is not there"):
            cifar10.load_data(tar(path, {k: v for k, v in good.items() if "test" not in k}))
        whole = tar(path, good).read_bytes()
        for data in (b"", b"<html>", whole[:-2000], gzip.compress(b"no archive")):
            path.write_bytes(data)
            with pytest.raises(DataFileError):
                cifar10.load_data(path)
        with pytest.raises(DataFileMissingError, match="no such file or folder"):
            cifar10.load_data(tmp_path / "nothing")

    def test_links_and_giants_are_not_followed(self, tmp_path, batches10, monkeypatch):
        secret = tmp_path / "secret"
        secret.write_bytes(pickle.dumps(batches10["test_batch"]))
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as archive:
            member = tarfile.TarInfo("cifar-10-batches-py/test_batch")
            member.type, member.linkname = tarfile.SYMTYPE, str(secret)
            archive.addfile(member)
        with pytest.raises(DataFileMissingError, match="test_batch is not there"):
            cifar10.load_data(path)
        monkeypatch.setattr(cifar, "LARGEST", 10)
        with pytest.raises(DataFileError, match="more than any file"):
            cifar10.load_data(tar(path, {"cifar-10-batches-py/test_batch": b"x" * 11}))


def test_fashion_mnist(tmp_path, pairs, write_files):
    folder = write_files(tmp_path, pairs, ("train", "t10k"))
    (x_train, y_train), (x_test, _) = fashion_mnist.load_data(folder)
    assert (x_train == pairs[0][0]).all()
    assert (y_train == pairs[0][1]).all()
    assert x_test.shape == (3, 28, 28)


MODULES = (boston_housing, california_housing, cifar10, cifar100, fashion_mnist, imdb, reuters)


@pytest.mark.parametrize("module", MODULES)
def test_no_network_is_needed_to_say_so(module, home, closed_port, monkeypatch):
    """Without a connection each says what it wanted, and keeps nothing."""
    monkeypatch.setenv("no_proxy", "*")
    for owner in (shuffled, fashion_mnist):
        monkeypatch.setattr(owner, "KERAS_FILES", closed_port)
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (closed_port,))
    monkeypatch.setattr(cifar, "SITE", closed_port)
    with pytest.raises(DownloadError, match="no connection"):
        module.load_data()
    assert not [p for p in home.rglob("*") if p.is_file()]


def test_downloaded_once(home, server, reviews, batches10, tmp_path, monkeypatch):
    monkeypatch.setattr(shuffled, "KERAS_FILES", server.url)
    monkeypatch.setattr(cifar, "SITE", server.url)
    data = reviews.read_bytes()
    server.give("imdb.npz", data)
    monkeypatch.setattr(imdb, "SHA256", hashlib.sha256(data).hexdigest())
    inner = {f"cifar-10-batches-py/{n}": pickle.dumps(b) for n, b in batches10.items()}
    archive = tar(tmp_path / "x.tar.gz", inner).read_bytes()
    server.give("cifar-10-python.tar.gz", archive)
    monkeypatch.setattr(cifar10, "SHA256", hashlib.sha256(archive).hexdigest())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for _ in range(2):
        assert len(imdb.load_data()[0][0]) == 4
        assert len(cifar10.load_data()[0][0]) == 20
    assert sorted(path for path, _ in server.asked) == ["/cifar-10-python.tar.gz", "/imdb.npz"]
    kept = {p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file()}
    assert kept == {"datasets/imdb/imdb.npz", "datasets/cifar10/cifar-10-python.tar.gz"}


def test_published_checksums():
    for module in (boston_housing, california_housing, cifar10, cifar100, imdb, reuters):
        assert len(module.SHA256) == 64
    assert {len(md5) for md5 in fashion_mnist.MD5.values()} == {32}
