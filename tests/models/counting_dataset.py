"""A dataset for the tests of workers, in a file of its own, from which a process can import it."""

import numpy as np

from minidl.utils import PyDataset


class Counting(PyDataset):
    def __init__(self, length, missing=None, **options):
        super().__init__(**options)
        self.length = length
        self.missing = missing
        self.calls = []
        self.made = []

    @property
    def num_batches(self):
        return self.length

    def __getitem__(self, number):
        if number == self.missing:
            raise LookupError(f"batch {number} is missing")
        self.made.append(number)
        random = np.random.default_rng(number)
        return random.normal(size=(5, 3)), random.normal(size=(5, 1))

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")
