"""The command: both networks, the table, the pictures, and what it says when something is wrong."""

import re

import numpy as np
import pytest

import minidl
from minidl.cli import main


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def test_binary_network_meets_the_figures(capsys, tmp_path):
    """The true gradient's figures, to 1e-9; the notebook's slip would end at 0.1289005239."""
    assert main(["reproduce", "binary", "--output", str(tmp_path), "--no-pictures"]) == 0
    out = capsys.readouterr().out
    before = float(re.search(r"before training\s+([\d.]+)", out).group(1))
    after = float(re.search(r"after training\s+([\d.]+)", out).group(1))
    assert before == pytest.approx(0.7850270652, abs=1e-9)
    assert after == pytest.approx(0.1153641445, abs=1e-9)
    assert re.search(r"accuracy\s+1\.0\b", out)
    assert "100.00%" in out


def test_digits_network_on_the_embedded_images(capsys, tmp_path):
    assert main(["reproduce", "digits", "--epochs", "2", "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "5,000 images, 2 epochs, batch 32, SGD 0.01" in out
    test_accuracy = float(re.findall(r"([\d.]+)%", out)[1])
    assert 70 < test_accuracy < 95
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        f"digits_{n}.png" for n in ("learning_curves", "confusion_matrix", "misclassified")
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())


def test_mnist_from_a_folder(capsys, tmp_path):
    """A folder with a hundred of the embedded images under MNIST's names."""
    (x, y), (x_test, y_test) = minidl.datasets.digits.load_data()
    write_idx(tmp_path / "train-images-idx3-ubyte", x[:100])
    write_idx(tmp_path / "train-labels-idx1-ubyte", y[:100])
    write_idx(tmp_path / "t10k-images-idx3-ubyte", x_test[:50])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", y_test[:50])
    arguments = ["reproduce", "digits", "--dataset", "mnist", "--data", str(tmp_path)]
    assert main([*arguments, "--epochs", "1", "--no-pictures"]) == 0
    assert "100 images, 1 epochs, batch 32, SGD 0.001" in capsys.readouterr().out


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(header + array.tobytes())


def test_same_seed_same_figures(capsys, tmp_path):
    outputs = []
    for _ in range(2):
        main(["reproduce", "digits", "--epochs", "1", "--seed", "7", "--no-pictures"])
        outputs.append(re.findall(r"([\d.]+)%", capsys.readouterr().out))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "digits", "--dataset", "mnist", "--data", "nowhere"], "nowhere"),
        (["reproduce", "digits", "--epochs", "0"], "epochs=0"),
        (["reproduce", "digits", "--batch-size", "-1"], "batch_size=-1"),
        (["reproduce", "digits", "--learning-rate", "-1"], "learning_rate"),
        (["reproduce", "digits", "--seed", "-1"], "seed=-1"),
    ],
)
def test_mistakes_are_one_line_and_exit_status_2(capsys, arguments, message):
    assert main([*arguments, "--no-pictures"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("minidl: ")
    assert message in error
    assert "Traceback" not in error


def test_help_and_version(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "reproduce" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--version"])
    assert minidl.__version__ in capsys.readouterr().out
