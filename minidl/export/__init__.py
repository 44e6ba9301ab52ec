"""Models for other programs: one file that needs neither minidl nor training.

onnx    `model.export("model.onnx")`, for any ONNX runtime
python  `model.export("model.py")`, for NumPy alone
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minidl.export.onnx.table import register_onnx_converter
from minidl.registry import nearest

__all__ = ["export_model", "register_onnx_converter"]


def _onnx(model: Any, filepath: Path, **options: Any) -> None:
    from minidl.export.onnx import write

    write(model, filepath, **options)


def _python(model: Any, filepath: Path, **options: Any) -> None:
    from minidl.export.python import write

    write(model, filepath, **options)


FORMATS: dict[str, Callable[..., None]] = {"onnx": _onnx, "py": _python}
"""By name, which is also the file's suffix: what writes a model."""


def export_model(
    model: Any, filepath: str | os.PathLike[str], format: str | None = None, **options: Any
) -> None:
    """Write a model's inference to a file.

    Arguments:
        model: a built model.
        filepath: where to; the folder must exist.
        format: a name of `FORMATS`; by default the file's suffix says it.
        options: what the format takes besides, such as `input_signature`.

    Raises:
        ValueError: if the format is not known, or the model does not go into it.
    """
    path = Path(filepath)
    name = path.suffix.lstrip(".") if format is None else format
    if name not in FORMATS:
        what = f"format={format!r}" if format is not None else f"the suffix {path.suffix!r}"
        raise ValueError(
            f"Model {model.name!r}: export received {what}. {nearest(str(name), list(FORMATS))}"
        )
    FORMATS[name](model, path, **options)
