"""Event files, read back by TensorBoard itself."""

import io
import sys

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_plugin import _read_tensor_tsv_file
from tensorboard.util.tensor_util import make_ndarray

from minidl import Input, Model, Sequential, layers
from minidl.callbacks import CallbackList, CSVLogger, History, TensorBoard
from minidl.callbacks.event_files import buckets


def small_model(**options):
    model = Sequential([layers.Input((3,)), layers.Dense(2, name="d")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **options})
    return model


def data(samples=12):
    x = np.random.default_rng(0).normal(size=(samples, 3))
    return x, x[:, :2]


def read(folder):
    """Return the steps and values by tag, and the accumulator."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    found = {}
    for tag in accumulator.Tags()["tensors"]:
        events = accumulator.Tensors(tag)
        found[tag] = (
            [event.step for event in events],
            [make_ndarray(event.tensor_proto) for event in events],
        )
    return found, accumulator


def test_curves_by_epoch_are_the_history(tmp_path):
    board = TensorBoard(tmp_path)
    history = small_model().fit(
        *data(), batch_size=4, epochs=3, validation_split=0.5, verbose=0, callbacks=[board]
    )
    train, _ = read(tmp_path / "train")
    validation, _ = read(tmp_path / "validation")
    assert set(train) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert set(validation) == {
        *("epoch_loss", "epoch_mae"),
        *("evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations"),
    }
    for name, values in history.history.items():
        steps, written = (validation if "val_" in name else train)[
            f"epoch_{name.removeprefix('val_')}"
        ]
        assert steps == [0, 1, 2]
        np.testing.assert_allclose(written, values, rtol=1e-6)
    assert validation["evaluation_loss_vs_iterations"][0] == [2, 4, 6]
    np.testing.assert_allclose(train["epoch_learning_rate"][1], 0.01)


def test_curves_by_batch_go_on_in_the_next_fit(tmp_path):
    model = small_model(optimizer="adam")
    for part in ("a", "b"):
        board = TensorBoard(tmp_path / part, update_freq=2, write_steps_per_second=True)
        model.fit(*data(), batch_size=4, epochs=2, verbose=0, callbacks=[board])
    first, _ = read(tmp_path / "a" / "train")
    second, _ = read(tmp_path / "b" / "train")
    for tag in ("batch_loss", "batch_mae", "batch_steps_per_second"):
        assert first[tag][0] == [2, 4, 6]
        assert second[tag][0] == [8, 10, 12]
    assert all(value > 0 for value in first["batch_steps_per_second"][1])
    assert first["epoch_steps_per_second"][0] == [0, 1]
    # Batch 6 ends the second epoch: its means are the epoch's.
    assert first["batch_loss"][1][-1] == first["epoch_loss"][1][-1]


def test_metrics_are_computed_for_the_batches_that_are_written(tmp_path):
    """Between them no one asks, and another listener's batches are not written either."""
    board = TensorBoard(tmp_path, update_freq=3)
    run = CallbackList([board, History()], model=small_model(), epochs=1, steps=6)
    run.on_train_begin()
    asked = []
    for step in range(6):
        run.on_train_batch_begin(step)
        asked.append(run.wants_train_batches)
        run.on_train_batch_end(step, {"loss": float(step)})
    run.close()
    assert asked == [False, False, True] * 2
    assert read(tmp_path / "train")[0]["batch_loss"][0] == [3, 6]
    quiet = CallbackList([TensorBoard(tmp_path), CSVLogger(tmp_path / "x.csv")])
    assert not quiet.wants_train_batches


def test_histograms_and_pictures_of_the_weights(tmp_path):
    model = small_model()
    model.layers[0].kernel.assign([[0.0, 1.0], [2.0, 3.0], [4.0, 15.0]])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.0
    board = TensorBoard(tmp_path, histogram_freq=2, write_images=True)
    model.fit(*data(), epochs=3, verbose=0, callbacks=[board])
    found, _ = read(tmp_path / "train")
    steps, (rows, again) = found["d/kernel/histogram"]
    assert steps == [0, 2]
    assert rows.shape == (30, 3)
    np.testing.assert_allclose(rows, again)
    np.testing.assert_allclose([rows[0, 0], rows[-1, 1], rows[:, 2].sum()], [0, 15, 6])
    assert [rows[i, 2] for i in (0, 2, 4, 6, 8, 29)] == [1] * 6
    width, height, png = found["d/kernel/image"][1][0]
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert (int(width), int(height)) == (3, 2)  # the longer side lies
    np.testing.assert_array_equal(pixels, [[0, 34, 68], [17, 51, 255]])


def test_histograms_of_weights_that_ran_away():
    rows = buckets(np.array([1.0, np.nan, np.inf, 2.0]))
    assert rows[:, 2].sum() == 2
    assert not buckets(np.full(4, np.nan)).any()
    assert buckets(np.full((2, 2), 3.0))[-1].tolist() == [3, 3, 4]


def test_the_graph_shows_layers_within_models_and_shapes(tmp_path):
    x = Input((4,), name="x")
    inner = Sequential([layers.Input((4,), name="in"), layers.Dense(4, name="b")], name="inner")
    a = layers.Dense(4, name="a")
    y = layers.Add(name="sum")([a(a(x)), inner(x)])
    model = Model(x, y)
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 4)), verbose=0, callbacks=[TensorBoard(tmp_path)])
    nodes = {node.name: node for node in read(tmp_path / "train")[1].Graph().node}
    assert {name: list(node.input) for name, node in nodes.items()} == {
        "x": [],
        "a_1": ["x"],
        "a_2": ["a_1"],
        "inner/in": ["x"],
        "inner/b": ["inner/in"],
        "sum": ["a_2", "inner/b"],
    }
    assert nodes["sum"].op == "Add"
    (shape,) = nodes["sum"].attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [-1, 4]
    board = TensorBoard(tmp_path / "without", write_graph=False)
    model.fit(np.ones((2, 4)), np.ones((2, 4)), verbose=0, callbacks=[board])
    assert not read(tmp_path / "without" / "train")[1].Tags()["graph"]


def test_embeddings_are_tables_that_the_projector_reads(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    model = Sequential([layers.Input((2,)), layers.Embedding(5, 3, name="words"), layers.Flatten()])
    model.compile("sgd", "mse")
    x, y = np.array([[1, 2], [3, 4]]), np.ones((2, 6))
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "words.tsv"})
    model.fit(x, y, epochs=2, verbose=0, callbacks=[board])
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (entry,) = config.embeddings
    assert (entry.tensor_name, entry.metadata_path) == ("words", "words.tsv")
    table = _read_tensor_tsv_file(str(tmp_path / entry.tensor_path))
    np.testing.assert_allclose(table, model.layers[0].embeddings.numpy(), rtol=1e-6)
    with pytest.raises(ValueError, match=r"names 'wrods'.*Embedding layers: words"):
        model.fit(
            x, y, verbose=0, callbacks=[
                TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"wrods": "w.tsv"})
            ],
        )  # fmt: skip


def test_an_evaluation_alone_and_a_metric_of_several_numbers(tmp_path):
    model = small_model()
    model.fit(*data(), batch_size=4, verbose=0)
    board = TensorBoard(tmp_path)
    model.evaluate(*data(), verbose=0, callbacks=[board])
    assert read(tmp_path / "validation")[0]["evaluation_loss_vs_iterations"][0] == [3]
    board.on_train_begin()
    board.on_epoch_end(0, {"f1": np.array([0.25, 0.75])})
    board.close()
    found, _ = read(tmp_path / "train")
    assert (found["epoch_f1/0"][1], found["epoch_f1/1"][1]) == ([0.25], [0.75])


def test_a_broken_run_keeps_its_epochs(tmp_path):
    class Breaks(History):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        small_model().fit(*data(), epochs=3, verbose=0, callbacks=[TensorBoard(tmp_path), Breaks()])
    assert read(tmp_path / "train")[0]["epoch_loss"][0] == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile_batch": (2, 5)}, "profile_batch.*cProfile"),
        ({"histogram_freq": -1}, "histogram_freq=-1"),
        ({"update_freq": 0}, "update_freq=0"),
        ({"update_freq": "step"}, "update_freq='step'"),
    ],
)
def test_what_cannot_be_had_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TensorBoard(**options)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"nothing can be written to the folder.*log_dir"):
        small_model().fit(*data(), verbose=0, callbacks=[TensorBoard(tmp_path / "file" / "logs")])


def test_the_package_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[tensorboard\]"'):
        TensorBoard()
