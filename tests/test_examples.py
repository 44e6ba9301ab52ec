"""Every script of docs/examples/ runs: at small size here, and does what it says.

An example has a function `main(arguments)` that takes `--quick` and returns the one figure that
tells whether it learned.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason="not a full checkout: the examples are not here"
)

LEAST = {
    "autoencoder": 0.2,  # the share of the noise that is gone
    "contrastive": 0.7,  # accuracy of a linear layer on what was learned without labels
    "custom_layers": 0.7,
    "mnist_convnet": 0.6,  # accuracy
    "row_lstm": 0.5,
    "text_transformer": 0.65,  # accuracy; guessing gives 0.5
    "two_inputs": 0.7,  # likewise
}
"""What `main(["--quick"])` returns at least."""

NOT_UNDER_KERAS = {"contrastive": "it trains by a GradientTape, which is TensorFlow's"}
"""Examples that Keras's imports are not enough for, and why."""


def load(name: str, imports_of: str = "minidl") -> ModuleType:
    """Return an example as a module, with the imports of minidl's or with those of Keras."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    if imports_of == "keras":
        text = text.replace("import minidl as keras\n", "import keras\n")
        text = re.sub(r"^from minidl(?!\.datasets)", "from keras", text, flags=re.MULTILINE)
    module = ModuleType(f"example_{name}")
    exec(compile(text, f"{name}.py", "exec"), vars(module))
    return module


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_learns(name):
    assert load(name).main(["--quick"]) >= LEAST[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_how_to_run_it(name):
    module = load(name)
    assert f"python docs/examples/{name}.py" in module.__doc__


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_listed(name):
    assert f"`{name}.py`" in (FOLDER / "index.md").read_text(encoding="utf-8")
