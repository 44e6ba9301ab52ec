"""A table of the run as a CSV file: a row an epoch, written at once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import IO, Any

import numpy as np

from minidl.callbacks.callback import Callback, Logs
from minidl.callbacks.folders import make_folder_of
from minidl.states import COUNT, TEXT, entries, list_of, optional


class CSVLogger(Callback):
    """Writes the logs of every epoch as a row of a CSV file, so that a broken run keeps its rows.

    The first epoch settles the columns: `epoch` (from 0), then the names in the logs in
    alphabetical order, and, where that epoch was not validated, the same names with `val_`, in
    case that a later one is. What a row does not have is `NA`.

    Arguments:
        filename: the file's path; its folder is made where it does not exist.
        separator: what stands between the columns, one character.
        append: whether to go on below what the file has, by its columns, instead of replacing it.

    Raises:
        ValueError: if `separator` is not one character.
        OSError: at the start of training, if the file cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     logger = CSVLogger(folder + "/log.csv")
        ...     logger.on_train_begin()
        ...     logger.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.75})
        ...     logger.close()
        ...     with open(logger.filename) as file:
        ...         print(file.read().strip())
        epoch,loss,val_loss
        0,0.5,0.75
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(
                f"CSVLogger: received separator={separator!r}, expected one character such as ';'."
            )
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self.columns: list[str] | None = None
        self._file: IO[str] | None = None
        self._kept: int | None = None  # bytes of the file that stay, until the first epoch begins
        self._warned = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file; where rows are appended, read its columns."""
        self.close()
        self._warned = False
        self.columns = self._columns_in_file() if self.append else None
        make_folder_of(self.filename, self)
        self._file = open(  # noqa: SIM115  (it stays open until close)
            self.filename, "a", newline="", encoding="utf-8"
        )
        self._kept = self._size() if self.append else 0

    def _size(self) -> int:
        if self._file is not None:
            return os.fstat(self._file.fileno()).st_size
        return os.path.getsize(self.filename) if os.path.exists(self.filename) else 0

    def get_state(self) -> dict[str, Any]:
        """Return how much of the file is written."""
        return {"size": self._size(), "columns": self.columns}

    def check_state(self, state: Any) -> None:
        """Compare a state with what `get_state` returns, and raise ValueError where it differs."""
        entries(size=COUNT, columns=optional(list_of(TEXT)))(
            state, f"{type(self).__name__}'s state"
        )

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on behind what was written then; rows that came later come again."""
        self.check_state(state)
        self._kept = min(int(state["size"]), self._size())
        self.columns = state["columns"] if self._kept else None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take away what is not to stay in the file."""
        self._cut()

    def _cut(self) -> None:
        if self._file is not None and self._kept is not None:
            self._file.truncate(self._kept)
        self._kept = None

    def _columns_in_file(self) -> list[str] | None:
        import csv

        if not os.path.exists(self.filename):
            return None
        with open(self.filename, newline="", encoding="utf-8") as file:
            return next(csv.reader(file, delimiter=self.separator), None) or None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's row, and before the first one the names of the columns."""
        assert self._file is not None, "on_train_begin opens the file"
        import csv

        self._cut()

        writer = csv.writer(self._file, delimiter=self.separator)
        row = {"epoch": epoch, **(logs or {})}
        if self.columns is None:
            self.columns = _columns(logs or {})
            writer.writerow(self.columns)
        self._warn_of_lost(row, self.columns)
        writer.writerow([_cell(row.get(name, "NA")) for name in self.columns])
        self._file.flush()

    def _warn_of_lost(self, row: Logs, columns: list[str]) -> None:
        lost = [name for name in row if name not in columns]
        if lost and not self._warned:
            self._warned = True
            warnings.warn(
                f"CSVLogger: {self.filename!r} has no column for {', '.join(lost)}, so these are "
                f"not written. Its columns, settled by its first line, are {', '.join(columns)}.",
                stacklevel=3,
            )

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._cut()
            self._file.close()
            self._file = None


def _columns(logs: Logs) -> list[str]:
    names = sorted(logs)
    if not any(name.startswith("val_") for name in names):
        names += [f"val_{name}" for name in names]
    return ["epoch", *names]


def _cell(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0 or not isinstance(value, Iterable):
        return value
    return f'"[{", ".join(map(str, value))}]"'
