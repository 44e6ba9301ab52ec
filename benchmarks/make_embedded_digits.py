"""Make the handwritten digits that minidl ships, from the full MNIST files.

    python benchmarks/make_embedded_digits.py MNIST_FOLDER            writes the four files
    python benchmarks/make_embedded_digits.py MNIST_FOLDER --check    compares them instead

5,000 training images (500 a class) come from MNIST's training file, 1,000 test images (100 a
class) from its test file. Which ones, and in which order, is drawn by NumPy's legacy generator,
whose numbers never change; the same MNIST files give the same images and labels. The compressed
bytes can differ where zlib is another, so `--check` compares what is in them.
"""

from __future__ import annotations

import argparse
import gzip
import io
from pathlib import Path

import idx2numpy
import numpy as np

from minidl.datasets import idx, mnist

SEED = 20_000
FILES = Path(__file__).resolve().parent.parent / "minidl" / "datasets" / "files"


def select(labels: np.ndarray, per_class: int, random: np.random.RandomState) -> np.ndarray:
    """Return the places of `per_class` images of every class, in mixed order."""
    chosen = [
        random.choice(np.flatnonzero(labels == digit), per_class, replace=False)
        for digit in range(10)
    ]
    return random.permutation(np.concatenate(chosen))


def packed(array: np.ndarray) -> bytes:
    """Return an array as a gzipped IDX file: best compression, no name and no time in it."""
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=buffer, mtime=0) as stream:
        stream.write(idx2numpy.convert_to_string(array))
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", type=Path, help="folder with the four MNIST files")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()

    random = np.random.RandomState(SEED)
    train, test = mnist.load_data(arguments.mnist)
    total = 0
    for part, (images, labels), per_class in (("train", train, 500), ("test", test, 100)):
        chosen = select(labels, per_class, random)
        for kind, array in (("images-idx3", images[chosen]), ("labels-idx1", labels[chosen])):
            path = FILES / f"digits-{part}-{kind}-ubyte.gz"
            if arguments.check:
                if not np.array_equal(idx.read(path), array):
                    raise SystemExit(f"{path.name} does not hold what {arguments.mnist} gives")
            else:
                path.write_bytes(packed(array))
            size = path.stat().st_size
            total += size
            print(f"{path.name}  {array.shape}  {size:,} bytes")
    print(f"in all {total:,} bytes" + (", as they should be" if arguments.check else ""))


if __name__ == "__main__":
    main()
