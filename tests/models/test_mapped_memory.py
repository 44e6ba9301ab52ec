"""A training set on disk that is larger than the memory that the process may have."""

import subprocess
import sys

import pytest

LIMIT = 384  # MB of memory of its own: what the kernel lets a process have by RLIMIT_DATA
SIZE = 1024  # MB of training data

PROGRAM = f"""
import resource, sys
import numpy as np
from minidl import Input, Sequential, layers

x = np.memmap(sys.argv[1], np.float32, mode="r", shape=({SIZE} * 2**20 // (4 * 1024), 1024))
y = np.arange(len(x)) % 10
model = Sequential([Input((1024,)), layers.Dense(32, "relu"), layers.Dense(10, "softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
resource.setrlimit(resource.RLIMIT_DATA, ({LIMIT} * 2**20,) * 2)
model.fit(x, y, batch_size=256, verbose=0)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["RssAnon"].split()[0]) // 1024, "MB of its own are resident")
try:
    np.array(x)
except MemoryError:
    print("a copy of the data would not have fitted")
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
def test_a_mapped_training_set_larger_than_the_limit_trains(tmp_path):
    path = tmp_path / "x.dat"
    with path.open("wb") as file:
        file.truncate(SIZE * 2**20)  # zeros, which take no room on the disk
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    print(run.stdout)
    assert run.returncode == 0, run.stderr
    assert "would not have fitted" in run.stdout
    assert int(run.stdout.split()[0]) < LIMIT
