"""Wrong gradients planted one at a time in a scratch copy: does the suite catch each of them?

    python -m tests.gradients.planted

A check that cannot fail is no check. Each bug is one line of the package changed for another; the
gradient tests of the classes it touches are then run on the copy, and must fail. The table says
what became of each bug, and what the check said of it; the command fails if one survives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Bug(NamedTuple):
    """A line of the package, what is put in its place, and the tests that ought to notice."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


BUGS = [
    Bug(
        "Dense: dx without the transpose's row order",
        "layers/dense.py",
        "dx = product(dz, self.kernel.value.T) if need_dx else None",
        "dx = product(dz, self.kernel.value.T[:, ::-1]) if need_dx else None",
        "layers-Dense",
    ),
    Bug(
        "Dense: the bias gets the mean over the batch, not the sum",
        "layers/dense.py",
        "sum_rows(dz_rows, out=self.bias.grad)",
        "np.mean(dz_rows, axis=0, out=self.bias.grad)",
        "layers-Dense",
    ),
    Bug(
        "Dense: the bias gets the last sample's gradient alone",
        "layers/dense.py",
        "sum_rows(dz_rows, out=self.bias.grad)",
        "self.bias.grad = dz_rows[-1]",
        "layers-Dense",
    ),
    Bug(
        "Dense: the kernel's gradient is added, not assigned",
        "layers/dense.py",
        "self.kernel.take_gradient_product(x_rows.T, dz_rows)",
        "self.kernel.grad += np.matmul(x_rows.T, dz_rows)",
        "layers-Dense",
    ),
    Bug(
        "Dense: the activation's derivative is forgotten",
        "layers/dense.py",
        "dz = self.activation.backward(activation_residuals, dy)",
        "dz = dy",
        "layers-Dense",
    ),
    Bug(
        "softmax: only the diagonal of its Jacobian",
        "activations/softmaxes.py",
        "np.subtract(dy, total, out=dz)",
        "np.subtract(dy, dy * y, out=dz)",
        "activations-Softmax",
    ),
    Bug(
        "sigmoid: y in the place of y (1 − y)",
        "kernels/dense.py",
        "np.subtract(1, y, out=dz)",
        "np.subtract(1, 0 * y, out=dz)",
        "activations-Sigmoid",
    ),
    Bug(
        "ReLU: passes what it cut off on the way forwards",
        "kernels/dense.py",
        "np.multiply(dy, y > 0, out=dz)",
        "np.multiply(dy, y >= 0, out=dz)",
        "activations-Relu",
    ),
    Bug(
        "PReLU: the slope's gradient is not summed over the shared axes",
        "layers/prelu.py",
        "shared = [0, *(self.shared_axes or [])]",
        "shared = [0]",
        "layers-PReLU",
    ),
    Bug(
        "Dropout: the mask is missing on the way back",
        "layers/dropout.py",
        "return dy if mask is None else dy * mask",
        "return dy",
        "layers-Dropout",
    ),
    Bug(
        "LayerNormalization: the mean is taken for a constant",
        "layers/standardize.py",
        "dx -= r * dx_hat.mean(axis=axes, keepdims=True)",
        "pass",
        "layers-LayerNormalization",
    ),
    Bug(
        "normalizations: γ is missing in dx, and is one at the start",
        "layers/scale_and_shift.py",
        "return dy if self.gamma is None else dy * along(self.gamma.value, axes, dy.ndim)",
        "return dy",
        "layers-LayerNormalization",
    ),
    Bug(
        "BatchNormalization: the batch's variance is taken for a constant",
        "layers/batch_normalization.py",
        "dx = np.multiply(x_hat, along(dgamma / -m, self._axes, dy.ndim), out=product)",
        "dx = np.multiply(x_hat, 0 * along(dgamma / -m, self._axes, dy.ndim), out=product)",
        "layers-BatchNormalization",
    ),
    Bug(
        "BatchNormalization: dγ over the batch's mean instead of its sum",
        "layers/batch_normalization.py",
        "            self.gamma.grad = dgamma\n",
        "            self.gamma.grad = dgamma / len(dy)\n",
        "layers-BatchNormalization",
    ),
    Bug(
        "Conv: a place that two windows see gets the gradient of one",
        "layers/convolutional/products.py",
        "places += np.matmul(",
        "places[...] = np.matmul(",
        "layers-Conv2D",
    ),
    Bug(
        "Conv: the taps of the kernel in reverse on the way back",
        "layers/convolutional/products.py",
        "W_tap = W[:, t * channels : (t + 1) * channels]",
        "W_tap = W[:, ::-1][:, t * channels : (t + 1) * channels][:, ::-1]",
        "layers-Conv2D",
    ),
    Bug(
        "DepthwiseConv: of several kernels of a channel only the first goes into dx",
        "layers/convolutional/by_channel.py",
        ".sum(axis=-1)",
        "[..., 0]",
        "layers-DepthwiseConv2D",
    ),
    Bug(
        "Concatenate: split at the wrong places",
        "layers/concatenate.py",
        "return [dy[(*before, slice(a, b))] for a, b in pairwise(ends)]",
        "return [dy[(*before, slice(ends[-1] - b, ends[-1] - a))] for a, b in pairwise(ends)]",
        "layers-Concatenate",
    ),
    Bug(
        "Subtract: the second input's sign",
        "layers/merging.py",
        "return [dy, -dy]",
        "return [dy, dy]",
        "layers-Subtract",
    ),
    Bug(
        "Multiply: the last factor is left out",
        "layers/merging.py",
        "            dxs[i] = dxs[i] * right\n",
        "            dxs[i] = dxs[i]\n",
        "layers-Multiply",
    ),
    Bug(
        "merging: copies of a repeated input are averaged, not summed",
        "layers/merging.py",
        "return dx.sum(axis=repeated, keepdims=True).reshape(shape)",
        "return dx.mean(axis=repeated, keepdims=True).reshape(shape)",
        "layers-Add",
    ),
    Bug(
        "losses: sample weights are left out of the gradient",
        "losses/loss.py",
        "gradient = gradient * (_beside(weights, values, y_pred, self.axis) * scale)",
        "gradient = gradient * scale",
        "losses-MeanSquaredError",
    ),
    Bug(
        "losses: 1/N is missing",
        "losses/loss.py",
        "        elif scale != 1.0:\n            gradient = gradient * scale\n",
        "",
        "losses-MeanSquaredError",
    ),
    Bug(
        "mean squared error: the 2 is missing",
        "losses/regression.py",
        "return (y_pred - y_true) * (2.0 / y_pred.shape[-1])",
        "return (y_pred - y_true) * (1.0 / y_pred.shape[-1])",
        "losses-MeanSquaredError",
    ),
    Bug(
        "categorical cross-entropy from logits: p − y where the targets do not sum to one",
        "losses/categorical.py",
        "return exponentials * (mass / s) - y",
        "return exponentials * (1.0 / s) - y",
        "losses-CategoricalCrossentropy",
    ),
    Bug(
        "L2: the 2 is missing",
        "regularizers.py",
        "return as_floats(x) * (2 * self.l2)",
        "return as_floats(x) * self.l2",
        "regularizers-L2",
    ),
    Bug(
        "models: the gradients of a tensor that is used twice are not added up",
        "models/plan.py",
        "gradients[slot] = gradients[slot] + dx",
        "gradients[slot] = dx",
        "models-Model",
    ),
    Bug(
        "models: a shared parameter keeps its last gradient alone",
        "models/plan.py",
        "            parameter.grad += gradient\n",
        "            pass\n",
        "models-Model",
    ),
    Bug(
        "training: an output's loss weight is left out of the gradient",
        "models/objective.py",
        "gradient = gradient * gradient.dtype.type(head.weight)",
        "pass",
        "test_training_gradients",
    ),
    Bug(
        "training: the penalty on an output is not divided by the batch size",
        "models/plan_step.py",
        "return dy + self.regularizer.gradient(x) / x.dtype.type(len(x))",
        "return dy + self.regularizer.gradient(x)",
        "test_training_gradients",
    ),
    Bug(
        "training: the penalty on a parameter is in the loss, not in the gradient",
        "models/steps.py",
        "parameter.grad += regularizer.gradient(parameter.value)",
        "pass",
        "test_training_gradients",
    ),
]


def plant(bug: Bug, copy: Path) -> tuple[bool, str]:
    """Put one bug into the copy, run the tests that it concerns, mend it.

    Returns:
        whether the tests failed, and what they said.

    Raises:
        ValueError: if the line is not in the file exactly once, so that nothing would be planted.
    """
    path = copy / "minidl" / bug.file
    source = path.read_text(encoding="utf-8")
    if source.count(bug.right) != 1:
        raise ValueError(
            f"{bug.name}: {bug.file} has {bug.right!r} {source.count(bug.right)} times, expected "
            "once. The code has changed: write the bug anew."
        )
    path.write_text(source.replace(bug.right, bug.wrong), encoding="utf-8")
    try:
        status, said = run_tests(bug.tests, copy)
    finally:
        path.write_text(source, encoding="utf-8")
    return status == 1, said


def run_tests(which: str, copy: Path) -> tuple[int, str]:
    """Return pytest's exit status (0 all passed, 1 some failed, 5 none ran) and the first cause."""
    suite = ("test_gradients.py", "test_training_gradients.py")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += ["--hypothesis-profile=unshrunk", "-k", which]
    command += [f"tests/gradients/{name}" for name in suite]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    causes = re.findall(r"^E\s+likely cause\s+(.*)", run.stdout, re.MULTILINE)
    causes += re.findall(r"^E\s+(?:\S*Error: )?(.*)", run.stdout, re.MULTILINE)
    return run.returncode, causes[0] if causes else ""


def main() -> int:
    """Plant every bug in turn and print what became of it; return 1 if one survived."""
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("minidl", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        every = " or ".join(sorted({bug.tests for bug in BUGS}))
        status, said = run_tests(every, copy)
        if status != 0:
            print(f"without a bug the tests end with status {status}: {said}")
            return 1
        print("| planted bug | caught | what the check said |\n| --- | --- | --- |")
        for bug in BUGS:
            caught, said = plant(bug, copy)
            survived += not caught
            print(f"| {bug.name} | {'yes' if caught else 'NO: SURVIVED'} | {said} |", flush=True)
    print(f"\n{len(BUGS) - survived} of {len(BUGS)} planted bugs caught.")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
