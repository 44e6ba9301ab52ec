"""The rows and columns of the table, after whole, broken and resumed runs."""

import csv

import numpy as np
import pytest

from minidl.callbacks import CSVLogger
from tests.callbacks.callback_fakes import run


def rows(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


LOGS = [{"loss": 1.5, "acc": 0.25, "val_loss": 2.0}, {"loss": 0.5, "acc": 0.75, "val_loss": 1.0}]


def test_a_row_an_epoch(tmp_path):
    path = tmp_path / "log.csv"
    run(CSVLogger(path), LOGS)
    assert rows(path) == [
        ["epoch", "acc", "loss", "val_loss"],
        ["0", "0.25", "1.5", "2.0"],
        ["1", "0.75", "0.5", "1.0"],
    ]


def test_another_separator(tmp_path):
    run(CSVLogger(tmp_path / "log.csv", separator=";"), LOGS[:1])
    assert rows(tmp_path / "log.csv", ";")[1] == ["0", "0.25", "1.5", "2.0"]


def test_columns_wait_for_a_later_validation(tmp_path):
    run(CSVLogger(tmp_path / "log.csv"), [{"loss": 1.0}, {"loss": 0.5, "val_loss": 0.75}])
    assert rows(tmp_path / "log.csv") == [
        ["epoch", "loss", "val_loss"],
        ["0", "1.0", "NA"],
        ["1", "0.5", "0.75"],
    ]


def test_every_row_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    logger.on_train_begin()
    for epoch in range(3):
        logger.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0})
        assert len(rows(path)) == epoch + 2
    logger.close()


@pytest.mark.parametrize("end", [True, False])
def test_the_file_is_closed_at_the_end_and_after_an_error(tmp_path, end):
    logger = CSVLogger(tmp_path / "log.csv")
    logger.on_train_begin()
    file = logger._file
    if end:
        logger.on_train_end()
    logger.close()
    assert file.closed


def test_append_goes_on_and_replace_starts_over(tmp_path):
    path = tmp_path / "log.csv"
    run(CSVLogger(path, append=True), LOGS)
    run(CSVLogger(path, append=True), LOGS[:1])
    assert [row[0] for row in rows(path)] == ["epoch", "0", "1", "0"]
    run(CSVLogger(path), LOGS[:1])
    assert [row[0] for row in rows(path)] == ["epoch", "0"]


def test_append_keeps_to_the_columns_of_the_file(tmp_path):
    path = tmp_path / "log.csv"
    run(CSVLogger(path), [{"loss": 1.0, "val_loss": 2.0}])
    with pytest.warns(UserWarning, match="no column for accuracy") as caught:
        run(CSVLogger(path, append=True), [{"accuracy": 0.5, "loss": 3.0}] * 2)
    assert len(caught) == 1
    assert rows(path)[2:] == [["0", "3.0", "NA"], ["1", "3.0", "NA"]]


def test_append_to_an_empty_file_writes_the_columns(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("")
    run(CSVLogger(path, append=True), LOGS[:1])
    assert rows(path)[0] == ["epoch", "acc", "loss", "val_loss"]


def test_the_second_run_of_one_logger_has_columns_of_its_own(tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    run(logger, LOGS)
    run(logger, [{"mae": 1.0, "val_mae": 1.0}])
    assert rows(tmp_path / "log.csv") == [["epoch", "mae", "val_mae"], ["0", "1.0", "1.0"]]


def test_arrays_scalars_text_and_tricky_names(tmp_path):
    logs = {"a,b": np.float32(0.5), "array": np.array([1, 2]), "zero": np.array(3), "val_t": "é,x"}
    run(CSVLogger(tmp_path / "new" / "log.csv"), [logs])
    with open(tmp_path / "new" / "log.csv", newline="", encoding="utf-8") as file:
        names, values = list(csv.reader(file))
    row = dict(zip(names, values, strict=True))
    assert row == {"epoch": "0", "a,b": "0.5", "array": '"[1, 2]"', "zero": "3", "val_t": "é,x"}


@pytest.mark.parametrize("separator", ["", ", ", 3])
def test_wrong_separator(separator):
    with pytest.raises(ValueError, match="expected one character"):
        CSVLogger("log.csv", separator=separator)
