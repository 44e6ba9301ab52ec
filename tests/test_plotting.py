"""Pictures: that they show what they are given, and say what is wrong."""

import numpy as np
import pytest

from minidl import plotting


def test_history_has_a_panel_a_measure_and_both_curves():
    figure = plotting.plot_history(
        {"loss": [3.0, 2.0, 1.0], "accuracy": [0.1, 0.5, 0.9], "val_loss": [3.5, 2.5, 1.5]}
    )
    loss, accuracy = figure.axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert loss.lines[1].get_ydata().tolist() == [3.5, 2.5, 1.5]
    assert len(accuracy.lines) == 1
    with pytest.raises(ValueError, match="without epochs"):
        plotting.plot_history({})


def test_confusion_matrix_counts_true_rows_and_predicted_columns():
    figure = plotting.confusion_matrix(np.array([0, 0, 1, 2]), np.eye(3)[[0, 1, 1, 2]])
    written = {t.get_position(): t.get_text() for t in figure.axes[0].texts}
    assert written == {(0, 0): "1", (1, 0): "1", (1, 1): "1", (2, 2): "1"}
    with pytest.raises(ValueError, match="4 labels and 3 predictions"):
        plotting.confusion_matrix(np.arange(4), np.arange(3))


def test_predictions_mark_the_wrong_ones(tmp_path):
    figure = plotting.predictions(
        np.zeros((2, 4, 4)), np.array([1, 0]), np.array([[0.1, 0.9], [0.2, 0.8]])
    )
    titles = [(axes.get_title(), axes.title.get_color()) for axes in figure.axes]
    assert titles == [("1 as 1 (90%)", "black"), ("0 as 1 (80%)", "tab:red")]
    figure.savefig(tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 0
