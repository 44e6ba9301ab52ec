"""Wrong gradients planted one at a time in a scratch copy: does the suite catch each of them?

    python -m tests.gradients.planted

A check that cannot fail is no check. Each bug is one line of the package changed for another; the
gradient tests of the classes it touches are then run on the copy, and must fail.
"""

from __future__ import annotations

import os
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
        "return np.matmul(dz, self.kernel.value.T) if need_dx else None",
        "return np.matmul(dz, self.kernel.value.T[:, ::-1]) if need_dx else None",
        "layers-Dense",
    ),
    Bug(
        "Dense: the bias gets the mean over the batch, not the sum",
        "layers/dense.py",
        "dz_rows.sum(axis=0, out=self.bias.grad)",
        "dz_rows.mean(axis=0, out=self.bias.grad)",
        "layers-Dense",
    ),
    Bug(
        "Dense: the kernel's gradient is added, not assigned",
        "layers/dense.py",
        "np.matmul(x_rows.T, dz_rows, out=self.kernel.grad)",
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
        "activations/saturating.py",
        "dz = 1 - y",
        "dz = 1 - 0 * y",
        "activations-Sigmoid",
    ),
    Bug(
        "ReLU: passes what it cut off on the way forwards",
        "activations/piecewise.py",
        "inside = y >= 0 if self.negative_slope else y > 0",
        "inside = y >= 0",
        "activations-Relu",
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
        "Concatenate: split at the wrong places",
        "layers/concatenate.py",
        "return [dy[(*before, slice(a, b))] for a, b in pairwise(ends)]",
        "return [dy[(*before, slice(ends[-1] - b, ends[-1] - a))] for a, b in pairwise(ends)]",
        "layers-Concatenate",
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
        "                parameter.grad += gradient\n",
        "                pass\n",
        "models-Model",
    ),
]


def plant(bug: Bug, copy: Path) -> bool:
    """Put one bug into the copy, run the tests that it concerns, mend it; return if it was caught.

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
        return run_tests(bug.tests, copy) == 1
    finally:
        path.write_text(source, encoding="utf-8")


def run_tests(which: str, copy: Path) -> int:
    """Return pytest's exit status: 0 all passed, 1 some failed, 5 none ran."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += ["tests/gradients/test_gradients.py", "-k", f"test_gradients and {which}"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False)
    return run.returncode


def main() -> int:
    """Plant every bug in turn and print what became of it; return the number that survived."""
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("minidl", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        for tests in sorted({bug.tests for bug in BUGS}):
            if (status := run_tests(tests, copy)) != 0:
                print(f"without a bug, {tests} ends with status {status}")
                return 1
        for bug in BUGS:
            caught = plant(bug, copy)
            survived += not caught
            print(f"{'caught' if caught else 'SURVIVED':8}  {bug.name}", flush=True)
    print(f"{len(BUGS) - survived} of {len(BUGS)} planted bugs caught")
    return survived


if __name__ == "__main__":
    sys.exit(main())
