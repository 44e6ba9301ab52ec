"""`minidl summary`, `minidl evaluate` and `minidl predict`: what a `.keras` file holds, at work.

Data come from an `.npz` file, whose arrays are called `x` and `y` (inputs also by their names, and
`sample_weight` where there is one), from an `.npy` file of inputs, or from a dataset by name.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import minidl
from minidl.registry import nearest

DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10", "cifar100")
"""Datasets that can be named; the test part is taken."""


def add_commands(commands: Any) -> None:
    """Add the three commands to the parser's."""
    summary = _command(commands, "summary", "print the layers of a .keras file", run_summary)
    summary.add_argument("--nested", action="store_true", help="the layers of nested models too")

    evaluate = _command(
        commands, "evaluate", "print loss and metrics of a .keras file on data", run_evaluate
    )
    _add_data(evaluate, "an .npz file with the arrays x and y, or one of " + ", ".join(DATASETS))
    evaluate.add_argument("--json", action="store_true", help="print JSON")

    predict = _command(commands, "predict", "write what a .keras file makes of inputs", run_predict)
    _add_data(predict, "an .npz file with the array x, an .npy file, or a dataset's name")
    predict.add_argument(
        "--output", required=True, metavar="FILE", help="where to: .npy, or .npz for any number"
    )


def _command(commands: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}."
    )
    parser.add_argument("model", metavar="MODEL", help="a .keras file of minidl or Keras")
    parser.set_defaults(run=run)
    return parser


def _add_data(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--data", required=True, metavar="DATA", help=what)
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="default: 32")


def run_summary(options: argparse.Namespace) -> int:
    """Print the table of layers."""
    model = minidl.load_model(options.model, compile=False)
    model.summary(expand_nested=options.nested)
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Print the loss and each metric, with all digits that they have."""
    model = minidl.load_model(options.model)
    if not model.get_compile_config():
        raise ValueError(
            f"{options.model} was saved without being compiled, so it has no loss and no metrics. "
            "Compile it and save it again."
        )
    arrays = _arrays(options.data)
    if "y" not in arrays:
        raise ValueError(f"{options.data} has no array 'y'; it has {sorted(arrays)}.")
    results = model.evaluate(
        _inputs(model, arrays, options.data),
        arrays["y"],
        sample_weight=arrays.get("sample_weight"),
        batch_size=options.batch_size,
        verbose=0,
        return_dict=True,
    )
    plain = {name: np.asarray(value).tolist() for name, value in results.items()}
    if options.json:
        print(json.dumps(plain))
    else:
        for name, value in plain.items():
            print(f"{name}: {value}")
    return 0


def run_predict(options: argparse.Namespace) -> int:
    """Write the outputs to a file and print their shapes."""
    target = Path(options.output)
    if target.suffix not in (".npy", ".npz"):
        raise ValueError(f"--output: received {options.output!r}, expected *.npy or *.npz.")
    model = minidl.load_model(options.model, compile=False)
    inputs = _inputs(model, _arrays(options.data), options.data)
    y = model.predict(inputs, batch_size=options.batch_size, verbose=0)
    outputs = dict(y) if isinstance(y, dict) else {}
    if not outputs:
        listed = y if isinstance(y, list) else [y]
        names = ["y"] if len(listed) == 1 else model.output_names
        outputs = dict(zip(names, listed, strict=True))
    if target.suffix == ".npz":
        np.savez(target, **outputs)
    elif len(outputs) == 1:
        np.save(target, next(iter(outputs.values())))
    else:
        raise ValueError(
            f"The model has the outputs {list(outputs)}, and an .npy file holds one array. Write "
            "to an .npz file."
        )
    for name, value in outputs.items():
        print(f"{name}: {value.dtype} {value.shape} in {target}")
    return 0


def _arrays(source: str) -> dict[str, Any]:
    """Return the arrays of a file or a dataset by name.

    Raises:
        ValueError: if it is neither, or has something else than arrays of numbers.
        FileNotFoundError: if there is no such file.
    """
    if source in DATASETS:
        _, (x, y) = getattr(minidl.datasets, source).load_data()
        return {"x": x, "y": y}
    path = Path(source)
    if path.suffix not in (".npz", ".npy"):
        hint = nearest(source, list(DATASETS))
        raise ValueError(f"--data: received {source!r}, expected *.npz, *.npy or a dataset. {hint}")
    if not path.is_file():
        raise FileNotFoundError(f"--data: there is no file {source!r}.")
    try:
        found = np.load(path, allow_pickle=False)
        arrays = {"x": found} if path.suffix == ".npy" else {k: found[k] for k in found.files}
    except Exception as error:  # NumPy's, zipfile's and each compression's own
        raise ValueError(f"--data: {source!r} cannot be read: {error}") from error
    return {name.removesuffix("_test"): value for name, value in arrays.items()}


def _inputs(model: Any, arrays: dict[str, Any], source: str) -> Any:
    """Return what the model is called on: `x`, or an array for each input by its name."""
    names = list(model.input_names)
    if len(names) <= 1 and "x" in arrays:
        return arrays["x"]
    missing = [name for name in names if name not in arrays]
    if missing or not names:
        wanted = "an array 'x'" if len(names) <= 1 else f"an array for each of the inputs {names}"
        raise ValueError(f"{source} has the arrays {sorted(arrays)}, expected {wanted}.")
    return [arrays[name] for name in names]
