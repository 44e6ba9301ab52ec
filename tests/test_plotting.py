"""Pictures: that they show what they are given, and say what is wrong."""

import numpy as np
import pytest

from minidl import Input, Model, Sequential, layers, plotting


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


def test_history_of_many_measures_goes_on_in_a_second_row():
    figure = plotting.plot_history(
        {name: [1.0, 2.0] for name in ("loss", "a", "b", "learning_rate")}
    )
    rows = {round(axes.get_position().y0, 2) for axes in figure.axes}
    assert len(rows) == 2
    figure.canvas.draw()
    ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert all("." not in tick for tick in ticks), "epochs are whole numbers"


def heights(axes):
    return sum(patch.get_height() for patch in axes.patches)


def test_weights_have_a_panel_each():
    model = Sequential(
        [Input((3,)), layers.Dense(4, name="d"), layers.BatchNormalization(name="n")]
    )
    model.layers[0].kernel.assign(np.linspace(-1, 1, 12).reshape(3, 4))
    figure = plotting.weights(model)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["d/kernel", "d/bias"]
    assert titles[-1] == "n/moving_variance"
    kernel = figure.axes[0]
    assert heights(kernel) == 12
    assert kernel.get_xlabel().startswith("mean ")
    colors = [axes.patches[0].get_facecolor() for axes in figure.axes]
    assert colors[0] != colors[-1]
    assert len(plotting.weights(model, layers=["d"]).axes) == 2
    with pytest.raises(ValueError, match=r"no layer 'e'\. Its layers: d, n"):
        plotting.weights(model, layers=["e"])
    with pytest.raises(ValueError, match="no weights to draw"):
        plotting.weights(Sequential([layers.Dense(2)]))


def test_weights_that_are_not_finite_are_counted():
    model = Sequential([Input((2,)), layers.Dense(2, use_bias=False, name="d")])
    model.layers[0].kernel.assign([[np.nan, 1.0], [np.inf, 2.0]])
    (axes,) = plotting.weights(model).axes
    assert heights(axes) == 2
    assert "2 not finite" in axes.get_xlabel()


def test_activations_are_what_the_layers_give():
    a, b = Input((2,), name="a"), Input((2,), name="b")
    both = layers.Concatenate(name="both")([a, b])
    model = Model([a, b], layers.ReLU(name="r")(both))
    x = [np.array([[1.0, 2.0], [3.0, -4.0]]), np.array([[-1.0, 5.0], [-6.0, 7.0]])]
    figure = plotting.activations(model, x)
    assert [axes.get_title() for axes in figure.axes] == ["both  (Concatenate)", "r  (ReLU)"]
    assert [heights(axes) for axes in figure.axes] == [8, 5]
    assert "38% are 0, not drawn" in figure.axes[1].get_xlabel()
    assert len(plotting.activations(model, x, layers=["r"]).axes) == 1
    with pytest.raises(ValueError, match="no graph of layers"):
        plotting.activations(Sequential([layers.Dense(2)]), np.ones((1, 2)))


def test_looking_at_activations_leaves_a_compiled_model_as_it_is():
    x = np.random.default_rng(0).normal(size=(20, 3))

    def losses(look):
        model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones", name="d")])
        model.compile("adam", "mse")
        found = []
        for _ in range(2):
            found += model.fit(x, x[:, :1], verbose=0, shuffle=False).history["loss"]
            if look:
                plotting.activations(model, x)
        return found

    assert losses(True) == losses(False)
