"""Helpers around training: labels, sequences, splits, seeds, batches from Python, progress."""

from __future__ import annotations

from minidl.utils.arrays import normalize, to_categorical
from minidl.utils.progbar import Progbar
from minidl.utils.py_dataset import PyDataset, Sequence
from minidl.utils.sequences import pad_sequences
from minidl.utils.session import clear_session, set_random_seed
from minidl.utils.splitting import (
    pack_x_y_sample_weight,
    split_dataset,
    unpack_x_y_sample_weight,
)

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
