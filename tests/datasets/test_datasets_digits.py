"""The embedded digits: balanced, mixed, unchanged, small, and with their licence beside them."""

import hashlib
from importlib import resources

import numpy as np

from minidl.datasets import digits

FILES = resources.files("minidl.datasets") / "files"


def test_shapes_types_and_balance():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (5000, 28, 28)
    assert x_test.shape == (1000, 28, 28)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert np.bincount(y_train).tolist() == [500] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert x_train.max() == 255
    # In mixed order: any tail is fit for validation.
    assert np.bincount(y_train[-500:], minlength=10).min() > 30


def test_content_is_what_was_drawn_from_mnist():
    """The digests of what benchmarks/make_embedded_digits.py --check found right."""
    arrays = [array for pair in digits.load_data() for array in pair]
    found = [hashlib.sha256(array.tobytes()).hexdigest()[:16] for array in arrays]
    assert found == ["d9c1dc97d4b23924", "039984e88c62c9a2", "9e056597bc59261e", "9cd37112da201ff3"]


def test_no_image_is_in_both_parts():
    (x_train, _), (x_test, _) = digits.load_data()
    train = {image.tobytes() for image in x_train}
    assert len(train) == 5000
    assert not train & {image.tobytes() for image in x_test}


def test_arrays_are_the_callers_own():
    first, second = digits.load_data()[0][0], digits.load_data()[0][0]
    first[:] = 0
    assert second.any()


def test_files_are_small_and_licensed():
    packed = [path for path in FILES.iterdir() if path.name.endswith(".gz")]
    assert len(packed) == 4
    assert sum(len(path.read_bytes()) for path in packed) < 1_000_000
    for path in packed:
        assert path.read_bytes()[4:8] == bytes(4)  # gzip's field for the time
    licence = (FILES / "README.md").read_text(encoding="utf-8")
    for words in ("Yann LeCun", "Corinna Cortes", "Burges", "CC BY-SA 3.0", "NIST"):
        assert words in licence
