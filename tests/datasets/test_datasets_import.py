"""The package of datasets costs next to nothing until it is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import minidl.datasets

HEAVY = ("idx2numpy", "six", "gzip", "zipfile", "tarfile", "pooch", "requests", "rich")


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, numpy; before = set(sys.modules)\n"
        "import minidl.datasets\n"
        "print(*(n for n in sys.modules if n.startswith('minidl.datasets.')))\n"
        "import minidl.datasets as d; [getattr(d, n) for n in d.__all__]\n"
        f"print(*(set(sys.modules) - before) & set({HEAVY}))\n"
    )
    root = Path(minidl.datasets.__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines() == ["minidl.datasets.errors", ""]


def test_modules_come_when_named():
    assert callable(minidl.datasets.mnist.load_data)
    assert set(minidl.datasets.__all__) <= set(dir(minidl.datasets))
    for name in minidl.datasets.__all__:
        assert getattr(minidl.datasets, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'cifar11'; it has"):
        minidl.datasets.cifar11  # noqa: B018
