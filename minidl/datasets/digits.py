"""Six thousand of MNIST's handwritten digits, inside the package: no download, no waiting.

5,000 images to train on and 1,000 to test with, 500 and 100 of each class, drawn from MNIST's own
training and test files. They are not under minidl's licence: CC BY-SA 3.0, see `files/README.md`.
"""

from __future__ import annotations

from minidl.datasets import idx
from minidl.datasets.sources import Array, Pair, read_pair


def load_data() -> tuple[Pair, Pair]:
    """Return the embedded digits, in mixed order.

    Shapes:
        `x_train (5000, 28, 28)`, `y_train (5000,)`, `x_test (1000, 28, 28)`, `y_test (1000,)`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8: pixels 0 (paper) to 255 (ink),
        labels 0 to 9.

    Raises:
        DataFileError: if the installed package is damaged.

    Example:
        >>> from minidl.datasets import digits
        >>> (x_train, y_train), (x_test, y_test) = digits.load_data()
        >>> x_train.shape, x_train.dtype, y_test.shape
        ((5000, 28, 28), dtype('uint8'), (1000,))

    Source:
        Yann LeCun, Corinna Cortes and Christopher J. C. Burges, "The MNIST database of
        handwritten digits", 1998.
    """
    source = _Embedded()
    return read_pair(source, "digits-train"), read_pair(source, "digits-test")


class _Embedded:
    """The IDX files in the package's folder `files`, wherever the package is installed."""

    def read(self, stem: str, axes: int) -> tuple[Array, str]:
        from importlib import resources

        name = f"{stem}-idx{axes}-ubyte.gz"
        with resources.as_file(resources.files("minidl.datasets") / "files" / name) as path:
            return idx.read(path), str(path)
