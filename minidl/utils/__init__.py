"""Helpers around training: labels, sequences, splits, seeds, files and folders, progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidl.utils.arrays import normalize, to_categorical
from minidl.utils.batched import BatchedDataset, timeseries_dataset_from_array
from minidl.utils.progbar import Progbar
from minidl.utils.py_dataset import PyDataset, Sequence
from minidl.utils.sequences import pad_sequences
from minidl.utils.session import clear_session, set_random_seed
from minidl.utils.splitting import (
    pack_x_y_sample_weight,
    split_dataset,
    unpack_x_y_sample_weight,
)

if TYPE_CHECKING:
    from minidl.utils.directories import text_dataset_from_directory
    from minidl.utils.files import get_file
    from minidl.utils.images import (
        array_to_img,
        image_dataset_from_directory,
        img_to_array,
        load_img,
        save_img,
    )
    from minidl.utils.model_dot import model_to_dot
    from minidl.utils.model_drawing import plot_model

__all__ = [
    "BatchedDataset",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "get_file",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "save_img",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

# What works with files is imported when it is first named: `import minidl.utils` stays cheap.
_HOMES = {
    "array_to_img": "images",
    "get_file": "files",
    "image_dataset_from_directory": "images",
    "img_to_array": "images",
    "load_img": "images",
    "model_to_dot": "model_dot",
    "plot_model": "model_drawing",
    "save_img": "images",
    "text_dataset_from_directory": "directories",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")


def __dir__() -> list[str]:
    return sorted(__all__)
