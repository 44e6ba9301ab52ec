"""Folders of files as samples: a folder for each class, or labels given beside them.

    directory/cats/1.png    directory/cats/2.png    directory/dogs/1.png
          │ 0                     │ 0                     │ 1

Order, classes and the cut for validation are Keras's, seed for seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minidl import config
from minidl._typing import Array
from minidl.random import SeedGenerator
from minidl.utils.batched import BatchedDataset
from minidl.validation import number

_SUBSETS = ("training", "validation", "both", None)
_MODES = ("int", "categorical", "binary", None)


class Files(NamedTuple):
    """Files, their classes' numbers, and the classes' names."""

    paths: list[str]
    labels: list[int] | None
    class_names: list[str] | None

    def part(self, rows: slice) -> Files:
        """Return some of them."""
        labels = None if self.labels is None else self.labels[rows]
        return Files(self.paths[rows], labels, self.class_names)


class Plan(NamedTuple):
    """What text and image datasets are told alike; checked by `checked`."""

    owner: str
    directory: str | os.PathLike[str]
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    format: str
    verbose: bool

    def checked(self) -> Plan:
        """Return the plan, if its arguments go together.

        Raises:
            ValueError: if they do not.
        """
        for name, value, known in (
            ("label_mode", self.label_mode, _MODES),
            ("subset", self.subset, _SUBSETS),
            ("format", self.format, ("tf", "grain")),
        ):
            if value not in known:
                raise ValueError(
                    f"{self.owner}: received {name}={value!r}, expected one of {list(known)}."
                )
        if self.labels not in ("inferred", None) and not isinstance(self.labels, list | tuple):
            raise ValueError(
                f"{self.owner}: received labels of type {type(self.labels).__name__}, expected "
                "'inferred', None, or a list with a class number for each file."
            )
        if self.labels != "inferred" and self.class_names:
            raise ValueError(
                f"{self.owner}: received class_names beside labels={self.labels!r}. Names go with "
                "labels='inferred' alone."
            )
        if (self.validation_split is None) != (self.subset is None):
            raise ValueError(
                f"{self.owner}: received validation_split={self.validation_split!r} and "
                f"subset={self.subset!r}, expected both or neither."
            )
        if self.validation_split is not None:
            number(
                "validation_split",
                self.validation_split,
                self.owner,
                low=0,
                high=1,
                open_low=True,
                open_high=True,
            )
            if self.shuffle and self.seed is None and self.subset != "both":
                raise ValueError(
                    f"{self.owner}: received validation_split with shuffle=True and no seed. Give "
                    "both calls the same seed, or samples would fall into both parts."
                )
        if not Path(self.directory).is_dir():
            raise ValueError(f"{self.owner}: {self.directory} is no folder. Check the path.")
        if self.labels is None or self.label_mode is None:
            return self._replace(labels=None, label_mode=None)
        return self

    def datasets(self, endings: tuple[str, ...], load: Callable[[list[str]], Array]) -> Any:
        """Return the dataset, or two for `subset="both"`.

        Arguments:
            endings: of the files that count, in lower case.
            load: reads files, given by their paths, into one batch.
        """
        seed = self.seed
        if seed is None:
            seed = int(SeedGenerator().generator.integers(10**6))
        files = self._files(endings, seed)
        if self.label_mode == "binary" and len(files.class_names or ()) != 2:
            raise ValueError(
                f"{self.owner}: label_mode='binary' goes with two classes, and there are "
                f"{files.class_names}."
            )
        if self.subset is None:
            return self._dataset(files, load, seed, self.shuffle)
        held_out = int((self.validation_split or 0) * len(files.paths))
        cut = len(files.paths) - held_out
        if held_out == 0 or cut == 0:
            raise ValueError(
                f"{self.owner}: validation_split={self.validation_split} leaves one part of "
                f"{len(files.paths)} files empty."
            )
        training, validation = files.part(slice(0, cut)), files.part(slice(cut, None))
        if self.verbose:
            if self.subset in ("training", "both"):
                print(f"Using {cut} files for training.")
            if self.subset in ("validation", "both"):
                print(f"Using {held_out} files for validation.")
        if self.subset == "both":
            return [
                self._dataset(training, load, seed, self.shuffle),
                self._dataset(validation, load, seed, False),
            ]
        part = training if self.subset == "training" else validation
        return self._dataset(part, load, seed, self.shuffle)

    def _files(self, endings: tuple[str, ...], seed: int) -> Files:
        root = os.fspath(self.directory)
        if self.labels == "inferred":
            folders = sorted(
                e.name for e in os.scandir(root) if e.is_dir() and not e.name.startswith(".")
            )
            if self.class_names is not None:
                unknown = sorted(set(self.class_names) - set(folders))
                if unknown:
                    raise ValueError(
                        f"{self.owner}: received class_names with {unknown}, which {root} has no "
                        f"folder of. It has {folders}."
                    )
                folders = list(self.class_names)
        else:
            folders = [""]
        paths, labels = [], []
        for label, folder in enumerate(folders):
            found = list(_walk(os.path.join(root, folder), endings, self.follow_links))
            paths += found
            labels += [label] * len(found)
        if not paths:
            raise ValueError(
                f"{self.owner}: found no file that ends in {', '.join(endings)} in {root}"
                + (f", in its folders {folders}." if self.labels == "inferred" else ".")
            )
        names: list[str] | None = folders
        if self.labels is None:
            names = None
        elif self.labels != "inferred":
            if len(self.labels) != len(paths):
                raise ValueError(
                    f"{self.owner}: received {len(self.labels)} labels for {len(paths)} files in "
                    f"{root}, expected one for each, in the order of their paths."
                )
            labels = list(self.labels)
            names = [str(label) for label in sorted(set(labels))]
        if self.verbose:
            of = "" if names is None else f" belonging to {len(names)} classes"
            print(f"Found {len(paths)} files{of}.")
        if self.shuffle:
            # Twice the same legacy draw, as in Keras: so the parts are the same as there.
            for items in (paths, labels):
                np.random.RandomState(seed).shuffle(items)
        return Files(paths, None if names is None else labels, names)

    def _dataset(
        self, files: Files, load: Callable[[list[str]], Array], seed: int, shuffle: bool
    ) -> BatchedDataset:
        labels = self._encoded(files)

        def batch(numbers: Array) -> Any:
            x = load([files.paths[i] for i in numbers])
            return x if labels is None else (x, labels[numbers])

        dataset = BatchedDataset(batch, len(files.paths), self.batch_size, shuffle, seed)
        dataset.class_names, dataset.file_paths = files.class_names, files.paths
        return dataset

    def _encoded(self, files: Files) -> Array | None:
        if files.labels is None:
            return None
        labels = np.asarray(files.labels, dtype=np.int32)
        if self.label_mode == "int":
            return labels
        if self.label_mode == "binary":
            return labels.astype(config.floatx())[:, np.newaxis]
        from minidl.utils.arrays import to_categorical

        return to_categorical(labels, len(files.class_names or ()))


def _walk(folder: str, endings: tuple[str, ...], follow_links: bool) -> Sequence[str]:
    found = []
    for root, _, names in sorted(os.walk(folder, followlinks=follow_links)):
        found += [os.path.join(root, n) for n in sorted(names) if n.lower().endswith(endings)]
    return found


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return the `.txt` files of a folder as batches of texts and class numbers.

    Shapes:
        `x (batch,)`, an array of str; `y (batch,)` as int32, or (batch, 1) for `"binary"`, or
        (batch, classes) for `"categorical"`.

    Arguments:
        directory: a folder with a folder for each class.
        labels: `"inferred"` from the folders' names in alphabetical order; None for texts alone;
            or a list of class numbers in the order of the files' paths.
        label_mode: `"int"`, `"binary"`, `"categorical"`, or None for texts alone.
        class_names: the classes' folders in another order, or some of them.
        batch_size: texts in a batch; None gives single texts.
        max_length: a longer text is cut to as many bytes; None leaves all.
        shuffle: whether each epoch has an order of its own; if not, that of the paths.
        seed: of the orders.
        validation_split: the share of the files to validate with, the last ones.
        subset: `"training"`, `"validation"`, or `"both"` for a list of the two datasets.
        follow_links: whether to look into folders that are links.
        format: is Keras's, and has no effect.
        verbose: whether to print how many files there are.

    Returns:
        A dataset that `fit` takes, with `class_names` and `file_paths`.

    Raises:
        ValueError: if the arguments do not go together, or there is no file.
    """
    plan = Plan(
        "text_dataset_from_directory",
        directory,
        labels,
        label_mode,
        class_names,
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        format,
        verbose,
    )

    def load(paths: list[str]) -> Array:
        texts = []
        for path in paths:
            data = Path(path).read_bytes()[:max_length]
            # A cut can fall into the middle of a letter.
            texts.append(data.decode("utf-8", errors="strict" if max_length is None else "ignore"))
        return np.fromiter(texts, dtype=object, count=len(texts))

    return plan.checked().datasets((".txt",), load)
