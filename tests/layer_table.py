"""The table of layers: what is wanted of each, its gradient check, and its distance from Keras.

pytest tests/gradients --gradient-table=gradients.json
KERAS_BACKEND=jax pytest -o addopts="" -m parity tests/parity --parity-table=parity.json
python -m tests.layer_table gradients.json parity.json docs/layers-table.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.parity.table import public_layers

MUST = (
    *("Dense", "InputLayer", "Dropout", "Conv2D", "Flatten", "Embedding", "BatchNormalization"),
    *("Activation", "MaxPooling2D", "Add", "Reshape", "LayerNormalization", "LSTM", "Rescaling"),
    *("Concatenate", "Conv2DTranspose", "Conv1D", "GlobalAveragePooling2D", "LeakyReLU"),
    *("GlobalAveragePooling1D", "Bidirectional", "GlobalMaxPooling1D", "UpSampling2D", "Lambda"),
    *("MaxPooling1D", "AveragePooling2D", "GRU", "GlobalMaxPooling2D", "ReLU", "SimpleRNN"),
    *("Multiply", "Softmax"),
)
SHOULD = (
    *("MultiHeadAttention", "RandomFlip", "RandomRotation", "TextVectorization", "RandomZoom"),
    *("Resizing", "Normalization", "SeparableConv2D", "StringLookup", "IntegerLookup"),
    *("RandomCrop", "ZeroPadding2D", "RandomContrast", "RandomTranslation", "DepthwiseConv2D"),
    *("GroupNormalization", "TimeDistributed", "RepeatVector", "Permute", "Dot", "RNN"),
    *("SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells", "Conv3D", "CenterCrop"),
    *("Masking", "ELU", "PReLU", "Cropping2D", "Average", "Maximum", "Minimum", "Subtract"),
    *("AveragePooling1D", "Attention", "Conv1DTranspose", "CategoryEncoding", "Discretization"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise"),
    *("AlphaDropout", "RMSNormalization", "UnitNormalization", "Identity"),
)
"""From a count over 207 published Keras scripts: what most of them need, and what many do."""

HEADING = (
    "| layer | wanted | configurations | gradient | tests | y, 32 | dx, 32 | dθ, 32 | y, 64 "
    "| dx, 64 | dθ, 64 |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)
EXPLANATION = """# The table of layers

Written by `python -m tests.layer_table` from what two groups of tests report. Every public layer
has a line; a test of each group fails for a layer that is missing there.

- **wanted**: counted over 207 published Keras scripts, MUST is what most of them need and SHOULD
  what many do; the rest came with its family.
- **gradient**: the worst relative error of any derivative (dx and every parameter's) against
  differences in float64, over that many random configurations. The tolerance is 1e-6.
- **y, dx, dθ**: the worst difference from Keras on JAX with the same weights, in float32 and in
  float64, over that many tests: of outputs, of input gradients, of the gradients of all weights
  and of states. Relative to the largest number compared, or to 1 if that is smaller. The
  tolerances are 1e-5 and 1e-10.
- **–**: there is no such thing: no weights, an index or a text as input, nothing to compare.
  Layers that draw random numbers are compared at a rate of zero or on equal draws.
"""


def mark(name: str) -> str:
    """Return what is wanted of a layer."""
    return "MUST" if name in MUST else "SHOULD" if name in SHOULD else ""


def line(name: str, gradient: dict[str, Any] | None, parity: dict[str, Any] | None) -> str:
    """Return a layer's line."""
    cells = [name, mark(name)]
    cells += (
        [str(gradient["configurations"]), _number(gradient["worst"])] if gradient else ["–"] * 2
    )
    cells.append(str(parity["tests"] or "–") if parity else "–")
    found = parity["differences"] if parity else {}
    for dtype in ("float32", "float64"):
        cells += [_number(found.get(part, {}).get(dtype)) for part in ("y", "dx", "dθ")]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else "0" if value == 0 else f"{value:.0e}"


def table(gradients: dict[str, Any], parity: dict[str, Any]) -> str:
    """Return the page."""
    names = public_layers()
    order = {name: i for i, name in enumerate((*MUST, *SHOULD))}
    ordered = sorted(names, key=lambda name: (order.get(name, len(order)), name))
    lines = [line(name, gradients.get(name), parity.get(name)) for name in ordered]
    counts = {
        word: f"{sum(n in names for n in wanted)} of {len(wanted)} {word}"
        for word, wanted in (("MUST", MUST), ("SHOULD", SHOULD))
    }
    worst = max(g["worst"] for n, g in gradients.items() if n in names)
    apart = {
        dtype: max(
            (
                difference
                for n, p in parity.items()
                if n in names
                for part, kinds in p["differences"].items()
                for kind, difference in kinds.items()
                if kind == dtype and part != "onnx"
            ),
            default=0.0,
        )
        for dtype in ("float32", "float64")
    }
    total = (
        f"{len(names)} layers; {counts['MUST']} and {counts['SHOULD']} are there. Worst gradient "
        f"error {worst:.0e}; farthest from Keras {apart['float32']:.0e} in float32 and "
        f"{apart['float64']:.0e} in float64."
    )
    return "\n".join([EXPLANATION, total, "", *HEADING, *lines, ""])


def merged(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Return several runs' comparisons as one."""
    total: dict[str, Any] = {}
    for report in reports:
        for name, found in report.items():
            known = total.setdefault(name, {"tests": 0, "comparisons": 0, "differences": {}})
            known["tests"] += found["tests"]
            known["comparisons"] += found.get("comparisons", 0)
            for part, kinds in found["differences"].items():
                worst = known["differences"].setdefault(part, {})
                for kind, difference in kinds.items():
                    worst[kind] = max(difference, worst.get(kind, 0.0))
    return total


def main(arguments: list[str]) -> int:
    """Read the reports and write the page."""
    gradients, *parity = (json.loads(Path(p).read_text(encoding="utf-8")) for p in arguments[:-1])
    Path(arguments[-1]).write_text(table(gradients, merged(parity)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
