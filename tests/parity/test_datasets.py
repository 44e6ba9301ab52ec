"""Datasets out of the same small files as real Keras reads: the same samples in the same order."""

from __future__ import annotations

import inspect
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minidl import datasets

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


@pytest.fixture
def from_file(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make Keras's loader of a dataset read a file that is here."""

    def patch(name: str, path: Path) -> None:
        module = __import__(f"keras.src.datasets.{name}", fromlist=["get_file"])
        monkeypatch.setattr(module, "get_file", lambda *args, **kwargs: str(path))

    return patch


def texts(rng: Any, n: int) -> Any:
    lists = [rng.integers(1, 50, rng.integers(1, 12)).tolist() for _ in range(n)]
    return np.fromiter(lists, dtype=object, count=n)


def same(ours: Any, theirs: Any) -> None:
    for own, their in zip(ours, theirs, strict=True):
        for a, b in zip(own, their, strict=True):
            b = np.asarray(b, dtype=np.asarray(a).dtype) if np.asarray(b).dtype != object else b
            assert np.asarray(a).shape == np.asarray(b).shape
            assert [np.asarray(x).tolist() for x in a] == [np.asarray(x).tolist() for x in b]


@pytest.mark.parametrize(
    "settings",
    [{}, {"num_words": 20, "skip_top": 5}, {"maxlen": 7, "seed": 4}, {"start_char": None},
     {"oov_char": None, "num_words": 30}, {"start_char": None, "index_from": 0}],
)  # fmt: skip
@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_texts(keras: Any, from_file: Any, tmp_path: Path, name: str, settings: Any) -> None:
    rng, path = np.random.default_rng(0), tmp_path / f"{name}.npz"
    y = rng.integers(0, 2, 40)
    if name == "imdb":
        np.savez(path, x_train=texts(rng, 40), y_train=y, x_test=texts(rng, 40), y_test=y)
    else:
        np.savez(path, x=texts(rng, 40), y=y)
    from_file(name, path)
    theirs = getattr(keras.datasets, name).load_data(**settings)
    same(getattr(datasets, name).load_data(path, **settings), theirs)


@pytest.mark.parametrize("name", ["boston_housing", "california_housing"])
def test_tables(keras: Any, from_file: Any, tmp_path: Path, name: str) -> None:
    rng, path = np.random.default_rng(0), tmp_path / f"{name}.npz"
    ours, theirs = getattr(datasets, name), getattr(keras.datasets, name)
    np.savez(path, x=rng.random((700, ours.COLUMNS)), y=rng.random(700))
    from_file(name, path)
    for settings in ({}, {"test_split": 0.35, "seed": 3}):
        same(ours.load_data(path=path, **settings), theirs.load_data(**settings))


def test_cifar10(keras: Any, from_file: Any, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in (n for group in datasets.cifar10.PARTS for n in group):
            data = rng.integers(0, 256, (10000, 3072), dtype=np.uint8)
            labels = rng.integers(0, 10, 10000).tolist()
            content = pickle.dumps({b"data": data, b"labels": labels}, 3)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            (tmp_path / "cifar-10-batches-py").mkdir(exist_ok=True)
            (tmp_path / "cifar-10-batches-py" / name).write_bytes(content)
    from_file("cifar10", tmp_path)
    ours, theirs = datasets.cifar10.load_data(path), keras.datasets.cifar10.load_data()
    for own, their in zip(ours, theirs, strict=True):
        for a, b in zip(own, their, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_topics(keras: Any) -> None:
    assert datasets.reuters.get_label_names() == keras.datasets.reuters.get_label_names()


def test_signatures(keras: Any) -> None:
    """Ours begin as Keras's do; some take a path besides."""
    names = ("boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist",
             "imdb", "reuters")  # fmt: skip
    for name in names:
        for function in ("load_data", "get_word_index", "get_label_names"):
            theirs = getattr(getattr(keras.datasets, name), function, None)
            if theirs is None:
                continue
            ours = inspect.signature(getattr(getattr(datasets, name), function)).parameters
            named = {k: v for k, v in inspect.signature(theirs).parameters.items() if k != "kwargs"}
            assert list(ours)[: len(named)] == list(named)
            assert all(ours[k].default == v.default for k, v in named.items())
