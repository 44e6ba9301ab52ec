"""The pictures of the page "Looking at it": `python docs/pictures/draw.py` draws them again."""

from __future__ import annotations

import html
import io
from pathlib import Path

import numpy as np

from minidl import Input, Model, Sequential, datasets, layers, plotting, utils

HERE = Path(__file__).parent
SMALL = {"dpi": 80, "pil_kwargs": {"optimize": True}}


def digits() -> None:
    """Train a small convolutional network and draw everything that `minidl.plotting` draws."""
    utils.set_random_seed(0)
    (x, y), (x_test, y_test) = datasets.digits.load_data()
    model = Sequential(
        [
            Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dense(32, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, x_test = x[..., None], x_test[..., None]
    history = model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)
    probabilities = model.predict(x_test, verbose=0)
    shown = ["conv", "hidden", "digit"]
    for name, figure in {
        "history": plotting.plot_history(history),
        "confusion": plotting.confusion_matrix(y_test, probabilities),
        "predictions": plotting.predictions(x_test[:10], y_test[:10], probabilities[:10]),
        "weights": plotting.weights(model, layers=["conv", "hidden"]),
        "activations": plotting.activations(model, x_test[:200], layers=shown),
    }.items():
        figure.savefig(HERE / f"{name}.png", **SMALL)


def diagram() -> None:
    """Draw a model with two branches, a nested model and a layer that goes past the others."""
    encoder = Sequential(
        [Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten()],
        name="encoder",
    )
    left, right = Input((28, 28, 1), name="left"), Input((28, 28, 1), name="right")
    both = layers.Concatenate(name="both")([encoder(left), encoder(right)])
    hidden = layers.Dense(16, activation="relu", name="hidden")(both)
    joined = layers.Concatenate(name="joined")([both, hidden])
    same = layers.Dense(1, activation="sigmoid", name="same")(joined)
    options = {"show_shapes": True, "show_layer_names": True, "expand_nested": True, "dpi": 80}
    utils.plot_model(Model([left, right], same), HERE / "model.png", **options)


def progress() -> None:
    """Draw a terminal in the middle of an epoch, with what the bar itself writes."""
    from rich.console import Console

    from minidl.utils.live import TerminalBar

    def terminal(record: bool) -> Console:
        return Console(file=io.StringIO(), force_terminal=True, width=96, record=record)

    console = terminal(record=True)
    console.print(
        "Epoch 1/3 - 3.9s - loss: 0.3121 - accuracy: 0.9102 - val_loss: 0.1604 - "
        "val_accuracy: 0.9540",
        highlight=False,
    )
    bar = TerminalBar(console=terminal(record=False))
    values = "running means: loss: 0.1422 - accuracy: 0.9583"
    bar.show("Epoch 2/3", 210, 469, ["121 steps/s", "2.1s left"], values)
    assert bar._progress is not None
    console.print(*bar._progress.get_renderables(), sep="\n")
    bar.clear()
    (HERE / "progress.svg").write_text(terminal_svg(console), encoding="utf-8")


def terminal_svg(console: object) -> str:
    """Return what a rich console has recorded as a picture of a terminal, without web fonts."""
    from rich.segment import Segment
    from rich.style import Style

    lines = list(Segment.split_lines(console._record_buffer))  # type: ignore[attr-defined]
    lines = [line for line in lines if any(not s.control and s.text.strip() for s in line)]
    wide, high = 8.0, 19.0
    columns = max(sum(len(s.text) for s in line if not s.control) for line in lines)
    width, height = columns * wide + 24, len(lines) * high + 24
    body = []
    for row, line in enumerate(lines):
        column = 0
        for segment in line:
            if segment.control or not segment.text:
                continue
            style = segment.style or Style()
            color = "#d7dae0"
            if style.color is not None:
                color = "#" + "".join(f"{c:02x}" for c in style.color.get_truecolor())
            if segment.text.strip():
                body.append(
                    f'<text x="{12 + column * wide:.0f}" y="{26 + row * high:.0f}" fill="{color}" '
                    f'textLength="{len(segment.text) * wide:.0f}" xml:space="preserve"'
                    f"{' opacity=' + chr(34) + '0.7' + chr(34) if style.dim else ''}>"
                    f"{html.escape(segment.text)}</text>"
                )
            column += len(segment.text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
        'font-size="13">\n<rect width="100%" height="100%" rx="6" fill="#22262e"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    np.seterr(all="ignore")
    digits()
    diagram()
    progress()
