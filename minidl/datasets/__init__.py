"""Data to learn from: digits inside the package, Keras's datasets, EMNIST, and point clouds.

Each module has a `load_data()` that returns `(x_train, y_train), (x_test, y_test)`, as Keras's do;
`idx` reads single IDX files. A module is imported when it is first named.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from minidl.datasets.errors import DataFileError, DataFileMissingError, DownloadError

if TYPE_CHECKING:
    from minidl.datasets import (
        blobs,
        boston_housing,
        california_housing,
        cifar10,
        cifar100,
        digits,
        emnist,
        fashion_mnist,
        idx,
        imdb,
        mnist,
        reuters,
    )

__all__ = [
    "DataFileError",
    "DataFileMissingError",
    "DownloadError",
    "blobs",
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "emnist",
    "fashion_mnist",
    "idx",
    "imdb",
    "mnist",
    "reuters",
]

_MODULES = (
    "blobs",
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "emnist",
    "fashion_mnist",
    "idx",
    "imdb",
    "mnist",
    "reuters",
)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}."
    )


def __dir__() -> list[str]:
    return sorted(__all__)
