"""The tables of what is not a layer: gradient checks, and distances from Keras, family by family.

pytest tests/gradients --gradient-table=gradients.json
KERAS_BACKEND=jax pytest -o addopts="" -m parity tests/parity --parity-table=parity.json
python -m tests.family_table gradients.json parity.json docs/parity-table.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.layer_table import merged
from tests.parity.table import FAMILIES, public_members
from tests.parity.test_coverage import NOT_COMPARED

WANTED = {
    "MUST": (
        *("activations.Relu", "activations.Softmax", "activations.Sigmoid", "activations.Tanh"),
        *("activations.Linear", "activations.Gelu", "activations.Silu", "activations.Elu"),
        *("activations.Selu", "activations.LeakyRelu", "activations.Softplus"),
        *("activations.Softsign", "activations.Exponential", "activations.HardSigmoid"),
        *("activations.LogSoftmax", "losses.BinaryCrossentropy", "losses.CategoricalCrossentropy"),
        *("losses.SparseCategoricalCrossentropy", "losses.MeanSquaredError"),
        *("losses.MeanAbsoluteError", "losses.FunctionLoss", "metrics.Mean"),
        *("metrics.SparseCategoricalAccuracy", "metrics.CategoricalAccuracy"),
        *("metrics.BinaryAccuracy", "metrics.TopKCategoricalAccuracy"),
        *("metrics.SparseTopKCategoricalAccuracy", "metrics.MeanAbsoluteError"),
        *("metrics.MeanSquaredError", "metrics.RootMeanSquaredError", "optimizers.Adam"),
        *("optimizers.RMSprop", "optimizers.AdamW", "optimizers.SGD"),
        *("schedules.ExponentialDecay", "schedules.CosineDecay"),
        *("schedules.PiecewiseConstantDecay", "schedules.PolynomialDecay"),
        *("schedules.InverseTimeDecay", "initializers.GlorotNormal", "initializers.GlorotUniform"),
        *("initializers.HeNormal", "initializers.HeUniform", "initializers.LecunNormal"),
        *("initializers.LecunUniform", "initializers.Zeros", "initializers.Ones"),
        *("initializers.Constant", "initializers.RandomNormal", "initializers.RandomUniform"),
        *("initializers.TruncatedNormal", "initializers.Orthogonal"),
        *("initializers.VarianceScaling", "initializers.Identity", "regularizers.L1"),
        *("regularizers.L2", "regularizers.L1L2", "callbacks.ModelCheckpoint"),
        *("callbacks.EarlyStopping", "callbacks.ReduceLROnPlateau", "callbacks.History"),
        *("callbacks.LambdaCallback", "callbacks.LearningRateScheduler", "callbacks.CSVLogger"),
        "callbacks.TerminateOnNaN",
    ),
    "SHOULD": (
        *("activations.Relu6", "activations.Mish", "activations.HardSilu"),
        *("activations.LogSigmoid", "activations.Celu", "activations.Glu", "losses.Huber"),
        *("losses.KLDivergence", "losses.Hinge", "losses.SquaredHinge", "losses.CategoricalHinge"),
        *("losses.LogCosh", "losses.Poisson", "losses.MeanAbsolutePercentageError"),
        *("losses.MeanSquaredLogarithmicError", "losses.CosineSimilarity"),
        *("losses.BinaryFocalCrossentropy", "losses.CategoricalFocalCrossentropy", "metrics.AUC"),
        *("metrics.Precision", "metrics.Recall", "metrics.F1Score", "metrics.R2Score"),
        *("metrics.TruePositives", "metrics.FalsePositives", "metrics.TrueNegatives"),
        *("metrics.FalseNegatives", "metrics.MeanIoU", "metrics.MeanAbsolutePercentageError"),
        *("metrics.CosineSimilarity", "optimizers.Adagrad", "optimizers.Adadelta"),
        *("optimizers.Nadam", "optimizers.Adamax", "schedules.CosineDecayRestarts"),
        *("constraints.MaxNorm", "constraints.NonNeg", "constraints.UnitNorm"),
        *("constraints.MinMaxNorm", "regularizers.OrthogonalRegularizer"),
        *("callbacks.TensorBoard", "callbacks.BackupAndRestore", "callbacks.SwapEMAWeights"),
    ),
}
"""From the same count over 207 published Keras scripts as the table of layers."""

PARTS = ("value", "gradient", "quantiles")
DTYPES = ("float32", "float64")
EXPLANATION = """# The tables of the other families

Written by `python -m tests.family_table` from what two groups of tests report, as is the [table of
layers](layers-table.md). Every public class has a line; a test of each group fails for one that is
missing there.

- **wanted**: counted over 207 published Keras scripts, MUST is what most of them need and SHOULD
  what many do.
- **configurations**, **worst**: the gradient check. The worst relative error of any derivative
  against differences in float64, over that many random configurations; of a loss under every
  reduction, with weights and without. The tolerance is 1e-6.
- **compared**: how often it was compared with Keras on JAX: a metric after every batch of a stream,
  with sample weights and without; an optimizer over twenty steps, its weights and its state; a
  callback through whole runs on the same logs, where what it does must be the same.
- **value**, **gradient**: the worst difference, in float32 and in float64, relative to the largest
  number compared, or to 1 if that is smaller.
- **quantiles**: of what an initializer draws at random, in standard deviations. The draws are
  others than Keras's.
- **–**: there is no such thing, or Keras does not compute it in that type.
"""


def mark(name: str) -> str:
    """Return what is wanted of a class."""
    return next((word for word, names in WANTED.items() if name in names), "")


def family_table(family: str, gradients: dict[str, Any], parity: dict[str, Any]) -> list[str]:
    """Return the heading and the lines of a family."""
    names = [name for name in public_members() if name.startswith(f"{family}.")]
    order = [*WANTED["MUST"], *WANTED["SHOULD"]]
    names.sort(key=lambda name: (order.index(name) if name in order else len(order), name))
    checked = any(name in gradients for name in names)
    columns = [
        (part, dtype)
        for dtype in DTYPES
        for part in PARTS
        if any(_difference(parity, name, part, dtype) is not None for name in names)
    ]
    head = ["class", "wanted", *["configurations", "worst"] * checked, "compared"]
    head += [f"{part}, {dtype.removeprefix('float')}" for part, dtype in columns]
    rule = ["---", "---", *["---:"] * (len(head) - 2)]
    lines = [f"## {family}", "", _row(head), _row(rule)]
    for name in names:
        cells = [name.partition(".")[2], mark(name)]
        if checked:
            found = gradients.get(name)
            cells += [str(found["configurations"]), _number(found["worst"])] if found else ["–"] * 2
        cells.append(str(parity[name]["comparisons"]) if name in parity else "–")
        cells += [_number(_difference(parity, name, *column)) for column in columns]
        lines.append(_row(cells))
    reasons = [
        f"`{name.partition('.')[2]}`: {NOT_COMPARED[name]}."
        for name in names
        if name in NOT_COMPARED
    ]
    return [*lines, "", *(["Not compared with Keras. " + " ".join(reasons), ""] if reasons else [])]


def _difference(parity: dict[str, Any], name: str, part: str, dtype: str) -> float | None:
    found: float | None = parity.get(name, {}).get("differences", {}).get(part, {}).get(dtype)
    return found


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else "0" if value == 0 else f"{value:.0e}"


def page(gradients: dict[str, Any], parity: dict[str, Any]) -> str:
    """Return the whole page."""
    names = public_members()
    counts = " and ".join(
        f"{sum(name in names for name in wanted)} of {len(wanted)} {word}"
        for word, wanted in WANTED.items()
    )
    worst = max((gradients[name]["worst"] for name in names if name in gradients), default=0.0)
    apart = {
        dtype: max(
            (
                _difference(parity, name, part, dtype) or 0.0
                for name in names
                for part in ("value", "gradient")
            ),
            default=0.0,
        )
        for dtype in DTYPES
    }
    compared = sum(name in parity for name in names)
    total = sum(parity[name]["comparisons"] for name in names if name in parity)
    summary = (
        f"{len(names)} classes in {len(FAMILIES)} families; {counts} are there. {compared} are "
        f"compared with Keras, in {total:,} comparisons. Worst gradient error {worst:.0e}; "
        f"farthest from Keras {apart['float32']:.0e} in float32 and {apart['float64']:.0e} in "
        "float64."
    )
    tables = [line for family in FAMILIES for line in family_table(family, gradients, parity)]
    return "\n".join([EXPLANATION, summary, "", *tables])


def main(arguments: list[str]) -> int:
    """Read the reports and write the page."""
    gradients, *parity = (json.loads(Path(p).read_text(encoding="utf-8")) for p in arguments[:-1])
    Path(arguments[-1]).write_text(page(gradients, merged(parity)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
