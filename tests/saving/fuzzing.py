"""Mutated files by the thousand: each gives a model or one documented exception, in bounds.

    python -m tests.saving.fuzzing [--inputs N] [--seed S]

prints how many `.keras`, `.weights.h5` and IDX files, and files of interrupted runs, were tried,
what became of them, the slowest one and the peak of memory. A mutation is made of the file's bytes,
or, so that it gets past the checksums, of one member: of values in the configuration or in the
run's state, or of the weights' bytes.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minidl
from minidl import Input, Model, Sequential, callbacks, datasets, layers
from minidl.datasets.errors import DataFileError
from minidl.saving import ModelFileError

MEMORY = 256 * 2**20  # bytes at once, for files of less than 100 KiB
SECONDS = 10.0  # for one file; the slowest are some hundredths

DOCUMENTED: dict[str, tuple[type[Exception], ...]] = {
    "keras": (ModelFileError,),
    "run.keras": (ModelFileError, ValueError),  # the second is for the run of another program
    "weights.h5": (ModelFileError,),
    "idx": (DataFileError,),
}
"""What reading a file of each kind may raise."""


class Outcome(NamedTuple):
    """What became of one mutated file."""

    kind: str
    what: str
    seconds: float
    peak: int


class UndocumentedError(AssertionError):
    """A mutated file that did something else; it is kept."""


# Whole files, to be mutated


def _models() -> list[Model]:
    words = Input((5,), dtype="int32")
    h = layers.Embedding(7, 3, mask_zero=True)(words)
    h = layers.Bidirectional(layers.LSTM(2))(h)
    texts = Model(words, layers.Dense(2)(h))
    inner = Sequential([Input((6, 6, 2)), layers.Conv2D(2, 3), layers.BatchNormalization()])
    image = Input((6, 6, 2))
    branch = layers.Add()([inner(image), layers.Cropping2D(1)(image)])
    pictures = Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(branch)))
    pictures.compile("adam", "mse", metrics=["mae"])
    pictures.fit(np.zeros((2, 6, 6, 2)), np.zeros((2, 2)), verbose=0)
    query = Input((4, 3))
    other = [
        layers.MultiHeadAttention(1, 2)(query, query),
        layers.TimeDistributed(layers.Dense(3))(query),
        layers.Normalization(mean=0.0, variance=1.0)(query),
    ]
    return [texts, pictures, Model(query, layers.Concatenate()(other))]


class _Stop(callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 1:
            raise KeyboardInterrupt


def _train(path: Path, stops: bool, resume: Path | None = None) -> None:
    model = Sequential([Input((3,)), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    watched = [
        callbacks.EarlyStopping("loss", restore_best_weights=True),
        callbacks.ReduceLROnPlateau("loss"),
        callbacks.ModelCheckpoint(path, save_freq=1),
    ]
    model.fit(
        np.ones((6, 3)), np.ones((6, 2)), 2, 1, verbose=0,
        callbacks=[*watched, _Stop()] if stops else watched, resume=resume,
    )  # fmt: skip


def whole_files(folder: Path) -> dict[str, list[bytes]]:
    """Return good files of each kind."""
    files: dict[str, list[bytes]] = {kind: [] for kind in DOCUMENTED}
    for model in _models():
        model.save(folder / "m.keras")
        model.save_weights(folder / "m.weights.h5")
        files["keras"].append((folder / "m.keras").read_bytes())
        files["weights.h5"].append((folder / "m.weights.h5").read_bytes())
    with suppress(KeyboardInterrupt):
        _train(folder / "m.run.keras", stops=True)
    files["run.keras"].append((folder / "m.run.keras").read_bytes())
    for code, array in ((8, np.arange(60, dtype=">u1")), (13, np.arange(60, dtype=">f4"))):
        header = bytes([0, 0, code, 3]) + np.array((5, 4, 3), ">i4").tobytes()
        files["idx"].append(header + array.tobytes())
    return files


# Mutations


def mutated_bytes(content: bytes, rng: random.Random, front: int = 2048) -> bytes:
    """Return bytes with some of them changed, more often near the beginning."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not changed:
            break
        limit = len(changed) if rng.random() < 0.5 else min(front, len(changed))
        at = rng.randrange(limit)
        kind = rng.randrange(6)
        if kind == 0:
            changed[at] = rng.randrange(256)
        elif kind == 1:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            changed[at : at + 8] = rng.choice((b"\xff" * 8, bytes(8), b"\x00" * 4 + b"\x7f" * 4))
        elif kind == 3:
            source, size = rng.randrange(len(changed)), rng.randrange(64)
            changed[at : at + size] = changed[source : source + size]
        elif kind == 4:
            del changed[at : at + rng.randrange(64)]
        else:
            changed = changed[:at] if rng.random() < 0.2 else changed
    return bytes(changed)


VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -0.5, 1e308, float("nan"), float("inf")),
    *("", "relu", "..", "/etc/passwd", "http://127.0.0.1:9/", "os.system", "a/b", "\x00", "é" * 50),
    *([], {}, [None], [[]], [1] * 50, [None, 10**9], {"class_name": "Dense", "config": {}}),
    {"class_name": "__lambda__", "config": {"value": "x"}},
    {"class_name": "function", "config": "system", "module": "os", "registered_name": "system"},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}},
]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every list or dict within, with each of its keys."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def mutated_config(content: bytes, rng: random.Random) -> bytes:
    """Return a configuration with some of its values exchanged, moved, copied or left out."""
    config = json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        places = list(_places(config))
        if not places:
            break
        holder, key = rng.choice(places)
        kind = rng.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            other, other_key = rng.choice(places)
            copied = json.loads(json.dumps(other[other_key]))
            holder[key] = copied
        elif kind == 2 and isinstance(holder[key], int | float) and holder[key] is not True:
            holder[key] = holder[key] * rng.choice((-1, 2, 1000, 10**9))
        elif kind == 3 and isinstance(holder, dict):
            holder[str(rng.choice(VALUES))] = holder.pop(key)
        else:
            holder[key] = deepcopy(rng.choice(VALUES))
    return json.dumps(config).encode()


def mutated_archive(content: bytes, rng: random.Random) -> bytes:
    """Return an archive with a member changed and its checksum made anew, or with bytes changed."""
    kind = rng.randrange(5)
    if kind == 0:
        return mutated_bytes(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if kind == 4:
        members["metadata.json"] = mutated_config(members["metadata.json"], rng)
    elif kind == 1:
        members["model.weights.h5"] = mutated_bytes(members["model.weights.h5"], rng)
    elif kind == 2 or rng.random() < 0.9:
        members["config.json"] = mutated_config(members["config.json"], rng)
    else:
        members["config.json"] = mutated_bytes(members["config.json"], rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


# Trying them


def _read_keras(path: Path, models: list[Model], which: int) -> None:
    model = minidl.load_model(path)
    assert isinstance(model, Model)


def _read_run(path: Path, models: list[Model], which: int) -> None:
    _train(path.with_name("again.keras"), stops=False, resume=path)


def _read_weights(path: Path, models: list[Model], which: int) -> None:
    model = models[which]
    before = model.get_weights()
    try:
        model.load_weights(path)
    except ModelFileError:
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        raise


def _read_idx(path: Path, models: list[Model], which: int) -> None:
    array = datasets.idx.read(path)
    assert array.nbytes <= path.stat().st_size


READERS: dict[str, Callable[[Path, list[Model], int], None]] = {
    "keras": _read_keras,
    "run.keras": _read_run,
    "weights.h5": _read_weights,
    "idx": _read_idx,
}


def attempt(kind: str, path: Path, models: list[Model], which: int) -> Outcome:
    """Read one file and say what became of it.

    Raises:
        UndocumentedError: if it raised something else, or took too much memory or time.
    """
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            READERS[kind](path, models, which)
        what = "read"
    except DOCUMENTED[kind] as error:
        what = type(error).__name__
    except BaseException as error:
        kept = Path(tempfile.gettempdir(), f"undocumented-{time.time_ns()}.{kind}")
        kept.write_bytes(path.read_bytes())
        raise UndocumentedError(f"{kept}: {type(error).__name__}: {error}") from error
    finally:
        seconds = time.perf_counter() - began
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if peak > MEMORY or seconds > SECONDS:
        kept = Path(tempfile.gettempdir(), f"too-much-{time.time_ns()}.{kind}")
        kept.write_bytes(path.read_bytes())
        raise UndocumentedError(f"{kept}: {peak:,} bytes and {seconds:.1f} s")
    return Outcome(kind, what, seconds, peak)


def run(inputs: int, seed: int = 0) -> list[Outcome]:
    """Try `inputs` mutated files, two fifths of them models."""
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = whole_files(folder)
        models = _models()
        for number in range(inputs):
            rng = random.Random(seed * 1_000_003 + number)
            kind = ("keras", "run.keras", "keras", "weights.h5", "idx")[number % 5]
            which = rng.randrange(len(files[kind]))
            content = files[kind][which]
            mutate = mutated_archive if kind.endswith("keras") else mutated_bytes
            path = folder / f"mutated.{kind}"
            path.write_bytes(mutate(content, rng))
            outcomes.append(attempt(kind, path, models, which))
    return outcomes


def report(outcomes: list[Outcome]) -> str:
    """Return a table of what became of the files."""
    lines = ["| files | inputs | outcomes | slowest | peak memory |", "|---|---|---|---|---|"]
    for kind in READERS:
        of_kind = [outcome for outcome in outcomes if outcome.kind == kind]
        if not of_kind:
            continue
        counts = Counter(outcome.what for outcome in of_kind)
        text = ", ".join(f"{what} {count:,}" for what, count in counts.most_common())
        slowest = max(outcome.seconds for outcome in of_kind)
        peak = max(outcome.peak for outcome in of_kind) / 2**20
        lines.append(f"| .{kind} | {len(of_kind):,} | {text} | {slowest:.2f} s | {peak:.1f} MiB |")
    return "\n".join(lines)


def process_peak() -> int:
    """Return the largest resident size that the process has had, in bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(arguments: list[str]) -> int:
    """Run as asked for, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(report(run(options.inputs, options.seed)))
    print(f"Peak of the whole process, with HDF5's own memory: {process_peak() / 2**20:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
