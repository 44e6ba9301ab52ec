"""Kill trainings, start them again, and compare the ends: `python -m tests.saving.kill --kills N`.

Real processes train to the end under SIGKILLs, and go on each time from what BackupAndRestore or
ModelCheckpoint wrote: half of them at a random call that has to do with writing a file, the others
at a random moment, or soon after a file was written. The number of threads is drawn anew for each
process. The end (weights, optimizer slots, streams of random numbers, History, CSV file) must be
the bytes of a process that was left alone.

A second part kills processes that do nothing but save two models to one path in turn: the file
there must always be one of the two, whole.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.saving.training_to_kill import NETWORKS, WAYS, saved_models


def start(*arguments, threads=1):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.saving.training_to_kill", *map(str, arguments)],
        env=environment,
    )


def end(process, within=None):
    """Wait for a process, or kill it after a time; return its exit code."""
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def end_after_saving(process, path, delay):
    """Wait for a process to write to a path, and kill it so many seconds later."""
    before = _written(path)
    while process.poll() is None and _written(path) == before:
        time.sleep(0.002)
    return end(process, delay)


def _written(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # not yet, or just being replaced
        return None


class Trial:
    """One network with one `save_freq`: how it ends when left alone, and how long that takes."""

    def __init__(self, name, save_freq, way, parent):
        self.name, self.save_freq, self.way, self.parent = name, save_freq, way, parent
        folder = parent / f"{name}-{save_freq}-{way}"
        folder.mkdir()
        began = time.perf_counter()
        if end(start(name, folder, save_freq, 0, way)) != 0:
            raise RuntimeError(f"{name}: failed")
        self.seconds = time.perf_counter() - began
        self.end = (folder / "end.npz").read_bytes()

    def run_under_kills(self, draw, most):
        """Train to the end under at most so many kills; return the counts."""
        folder = self.parent / f"{self.name}-{self.save_freq}-{self.way}-killed"
        folder.mkdir()
        counts = Counter(runs=1)
        code = None
        while code != 0:
            path = folder / WAYS[self.way]
            counts["resumed"] += path.exists()
            call, within, kind = 0, None, "left alone"
            if counts["kills"] < most and draw.random() < 0.5:
                call, kind = draw.randint(1, 60), "while writing"
            elif counts["kills"] < most and draw.random() < 0.4:
                within, kind = draw.uniform(0, 0.2) * self.seconds, "after a saving"
            elif counts["kills"] < most:
                within, kind = draw.uniform(0.3, 1.1) * self.seconds, "at a moment"
            threads = draw.choice((1, 2))
            process = start(self.name, folder, self.save_freq, call, self.way, threads=threads)
            if kind == "after a saving":
                code = end_after_saving(process, path, within)
            else:
                code = end(process, within)
            if code not in (0, -signal.SIGKILL):
                raise RuntimeError(f"{self.name}: ended with {code}")
            counts.update({"kills": 1, kind: 1} if code else {})
        counts["equal"] += (folder / "end.npz").read_bytes() == self.end
        counts["left"] += len(set(os.listdir(folder)) - {"end.npz", "log.csv", "model.keras"})
        shutil.rmtree(folder)
        return counts


def kill_trainings(
    kills,
    seed=0,
    networks=NETWORKS,
    save_freqs=("epoch", 1, 4),
    most=8,
    say=print,
    ways=tuple(WAYS),
):
    """Kill trainings so many times; return how many runs there were, and how many ended equally.

    Arguments:
        most: how many times one training is killed, before it is left alone.
        say: takes a line about each training.
    """
    draw = random.Random(seed)
    total = Counter()
    with tempfile.TemporaryDirectory() as parent:
        trials = [
            Trial(name, freq, way, Path(parent))
            for name in networks
            for freq in save_freqs
            for way in ways
        ]
        while total["kills"] < kills:
            trial = trials[total["runs"] % len(trials)]
            counts = trial.run_under_kills(draw, most)
            total.update(counts)
            say(f"{trial.name}, {trial.way}, save_freq={trial.save_freq}: {dict(counts)}")
    return total


def kill_savings(kills, ending, seed=0):
    """Kill processes that save; return how many files were whole, old or new."""
    from minidl import load_model

    draw = random.Random(seed)
    counts = Counter()
    models = saved_models()
    known = {str([w.tolist() for w in model.get_weights()]) for model in models}
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent, f"model{ending}")
        models[0].save(path) if ending == ".keras" else models[0].save_weights(path)
        while counts["kills"] < kills:
            by_call = draw.random() < 0.5
            process = start("saving", path, 0, draw.randint(1, 40) if by_call else 0, "")
            code = end(process, None if by_call else draw.uniform(0.4, 1.5))
            if code != -signal.SIGKILL:
                raise RuntimeError(f"saving: ended with {code}")
            counts.update({"kills": 1, "while writing" if by_call else "at a moment": 1})
            if ending == ".keras":
                model = load_model(path)
            else:
                model = models[0]
                model.load_weights(path)
            counts["whole"] += str([w.tolist() for w in model.get_weights()]) in known
            counts["left"] = len(os.listdir(parent)) - 1  # a killed writer's, until the next one's
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    trained = kill_trainings(options.kills, options.seed)
    print("trainings:", dict(trained))
    saved = Counter()
    for ending in (".keras", ".weights.h5"):
        counts = kill_savings(options.kills // 4, ending, options.seed)
        print(f"savings of {ending}:", dict(counts))
        saved.update(counts)
    sys.exit(trained["equal"] != trained["runs"] or saved["whole"] != saved["kills"])
