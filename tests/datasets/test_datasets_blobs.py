"""The point clouds: the notebook's two hundred points bit for bit, and bad arguments named."""

import numpy as np
import pytest

from minidl.datasets import blobs


def test_train_pair_is_the_notebooks():
    random = np.random.RandomState(68329)
    x0 = random.randn(100, 2) + np.array([-2, -2])
    x1 = random.randn(100, 2) + np.array([2, 2])

    (x, y), (x_test, y_test) = blobs.load_data()

    assert x.dtype == y.dtype == np.float64
    assert x.tobytes() == np.vstack((x0, x1)).tobytes()
    assert y.tobytes() == np.vstack((np.zeros((100, 1)), np.ones((100, 1)))).tobytes()
    assert x_test.shape == (200, 2)
    np.testing.assert_array_equal(y_test, y)
    assert x_test[:100].tobytes() == (random.randn(100, 2) - 2).tobytes()


def test_test_points_do_not_change_the_training_points():
    (x, _), (x_none, y_none) = blobs.load_data(n_test=0)
    assert x.tobytes() == blobs.load_data(n_test=7)[0][0].tobytes()
    assert x_none.shape == (0, 2)
    assert y_none.shape == (0, 1)


def test_other_centers_and_seeds():
    (x, y), _ = blobs.load_data(50, centers=[(0, 0, 9), (5, 5, 9), (9, 0, 9)], seed=1)
    assert x.shape == (150, 3)
    assert y.ravel().tolist() == [0] * 50 + [1] * 50 + [2] * 50
    np.testing.assert_allclose(x[50:100].mean(axis=0), [5, 5, 9], atol=0.6)
    np.testing.assert_allclose(x[50:100].std(axis=0), 1, atol=0.4)
    assert not np.array_equal(x, blobs.load_data(50, centers=[(0, 0, 9)] * 3, seed=2)[0][0])


def test_global_generator_is_left_alone():
    before = np.random.mtrand._rand.get_state()[1].tobytes()
    blobs.load_data()
    assert np.random.mtrand._rand.get_state()[1].tobytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n=0, expected an integer from 1"),
        ({"n": 2.0}, "n=2.0, expected an integer"),
        ({"n": True}, "n=True, expected an integer"),
        ({"n_test": -1}, "n_test=-1, expected an integer from 0"),
        ({"seed": -1}, "seed=-1, expected an integer from 0 to 4294967295"),
        ({"seed": None}, "seed=None"),
        ({"centers": [1.0, 2.0]}, "expected one point a class"),
        ({"centers": [(1, 2), (3,)]}, "expected one point a class"),
        ({"centers": []}, "expected one point a class"),
        ({"centers": [(np.nan, 0)]}, "finite"),
        ({"centers": "ab"}, "expected one point a class"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        blobs.load_data(**arguments)
