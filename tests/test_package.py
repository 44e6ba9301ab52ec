"""The package as a whole: floors, names, cost of importing, and what must not be imported."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minidl

ROOT = Path(minidl.__file__).parent

FLOORS = [
    {"_typing"},
    {"config", "random", "registered", "registry", "states", "tracing", "validation"},
    {"kernels"},
    {"activations", "initializers", "regularizers", "constraints"},
    {"layers"},
    {"autodiff"},
    {"ops"},
    {"losses", "metrics", "optimizers", "datasets", "saving", "utils"},
    {"callbacks"},
    {"doctor"},
    {"models", "plotting"},
    {"explain", "export", "gradcheck", "testing", "wrappers"},
    {"cli", "__main__", "__init__"},
]
FLOOR_OF = {name: height for height, names in enumerate(FLOORS) for name in names}


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_level_imports(path):
    """The minidl rooms that a file imports when it is itself imported, type checking left out."""
    for node in ast.parse(path.read_text()).body:
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "minidl":
                names = [alias.name for alias in node.names]
            elif node.module.startswith("minidl."):
                names = [node.module.split(".")[1]]
        elif isinstance(node, ast.Import):
            names = [a.name.split(".")[1] for a in node.names if a.name.startswith("minidl.")]
        yield from names


def test_imports_point_downwards():
    upwards = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(ROOT.rglob("*.py"))
        if room(path) != "__init__"
        for name in module_level_imports(path)
        if FLOOR_OF[name] > FLOOR_OF[room(path)]
    ]
    assert not upwards


def test_every_room_has_a_floor():
    assert {room(path) for path in ROOT.rglob("*.py")} == set(FLOOR_OF)


@pytest.mark.parametrize("name", minidl.__all__)
def test_public_names_exist(name):
    assert getattr(minidl, name) is not None


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'kears'"):
        minidl.kears  # noqa: B018


def test_importing_everything_for_a_first_fit_stays_light():
    """rich, h5py, onnx, matplotlib and their like come in when they are needed, not before."""
    program = (
        "import sys, numpy as np, minidl\n"
        "from minidl import layers, losses, metrics, optimizers, models, callbacks, utils\n"
        "m = minidl.Sequential([minidl.Input((2,)), layers.Dense(1)])\n"
        "m.compile(optimizer='adam', loss='mse', metrics=['mae'])\n"
        "m.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)\n"
        "heavy = {'rich', 'h5py', 'matplotlib', 'pooch', 'hypothesis', 'idx2numpy', 'pandas'}\n"
        "heavy |= {'sklearn', 'onnx'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
    )
    assert run.stderr == ""
    assert run.stdout.strip() == "[]"


def test_public_classes_and_functions_are_documented():
    """Every public name of every public namespace has a docstring."""
    missing = []
    for namespace in minidl._MODULES:
        module = getattr(minidl, namespace)
        for name in getattr(module, "__all__", []):
            item = getattr(module, name)
            if callable(item) and not (getattr(item, "__doc__", None) or "").strip():
                missing.append(f"{namespace}.{name}")
    assert not missing
