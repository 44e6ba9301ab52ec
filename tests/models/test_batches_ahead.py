"""Batches made ahead on a second thread or by workers: the same batches, in the same order."""

import threading
import time

import numpy as np
import pytest

from minidl import Input, Sequential, callbacks, layers, utils
from minidl.models import prefetch
from minidl.models.prefetch import Ahead, Paced, Workers

from .counting_dataset import Counting


def small_model():
    utils.set_random_seed(3)
    model = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def batch(number):
    random = np.random.default_rng(number)
    return random.normal(size=(5, 3)).astype("float32"), random.normal(size=(5, 1))


class Source:
    """An endless generator that knows how many items were taken of it, and by which threads."""

    def __init__(self, fails_at=None):
        self.taken = 0
        self.threads = set()
        self.fails_at = fails_at

    def __iter__(self):
        return self

    def __next__(self):
        self.threads.add(threading.get_ident())
        if self.taken == self.fails_at:
            raise KeyError("mine")
        self.taken += 1
        return batch(self.taken)


@pytest.fixture
def always_ahead(monkeypatch):
    monkeypatch.setattr(prefetch, "WORTH", -1.0)


def ours():
    return [t for t in threading.enumerate() if t.name.startswith("minidl batches")]


def wait_until(condition):
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:
        time.sleep(0.001)
    assert condition()


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_is_taken_than_was_allowed(ahead):
    taken = []
    items = Ahead((taken.append(i) or i for i in range(20)), ahead)
    for i in range(5):
        wait_until(lambda: len(taken) == i + ahead)  # noqa: B023
        time.sleep(0.002)
        assert len(taken) == i + ahead
        assert next(items) == i
    items.close()
    assert not ours()


def test_items_come_in_order_and_end():
    assert list(Ahead(iter(range(300)), 4)) == list(range(300))
    assert list(Ahead(iter(()))) == []
    assert not ours()


def test_an_error_comes_in_its_place():
    def source():
        yield 1
        raise OSError("gone")

    items = Ahead(source(), 2)
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)
    assert not ours()
    assert list(items) == []


def test_numpy_settings_hold_on_the_other_thread():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        next(Ahead(np.ones(1) / zero for zero in [np.zeros(1)]))


def test_quick_items_stay_on_one_thread():
    quick = Paced(iter(range(5)))
    assert list(quick) == list(range(5))
    assert quick._other is None


def test_slow_items_go_to_another(monkeypatch):
    monkeypatch.setattr(prefetch, "WORTH", 1e-3)
    threads = []

    def source():
        for i in range(4):
            threads.append(threading.get_ident())
            time.sleep(0.003)
            yield i

    assert list(Paced(source())) == list(range(4))
    assert threads[0] == threading.get_ident()
    assert len(set(threads[1:])) == 1
    assert threads[1] != threads[0]


def weights_after(data, **options):
    model = small_model()
    history = model.fit(data, verbose=0, **options)
    return [w.tobytes() for w in model.get_weights()], history.history


def test_training_gives_the_same_bytes_ahead_or_not(monkeypatch):
    options = {"steps_per_epoch": 4, "epochs": 3, "validation_steps": 2}
    monkeypatch.setattr(prefetch, "WORTH", np.inf)
    here, there = Source(), Source()
    expected = weights_after(here, validation_data=Source(), **options)
    monkeypatch.setattr(prefetch, "WORTH", -1.0)
    assert weights_after(there, validation_data=Source(), **options) == expected
    assert len(here.threads) == 1
    assert len(there.threads) > 1
    assert here.taken == there.taken == 12  # not one more than the epochs need
    assert not ours()


@pytest.mark.usefixtures("always_ahead")
def test_a_source_that_raises_half_way():
    model = small_model()
    source = Source(fails_at=6)
    with pytest.raises(KeyError, match="mine") as caught:
        model.fit(source, steps_per_epoch=4, epochs=3, verbose=0)
    assert "batch 2 of the data" in caught.value.__notes__[0]
    assert len(model.history.history["loss"]) == 1
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert not ours()
    model.fit(Source(), steps_per_epoch=2, verbose=0)


@pytest.mark.usefixtures("always_ahead")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interruption_ends_the_thread(error):
    def interrupt(step, logs):
        if step == 1:
            raise error

    model, source = small_model(), Source()
    with pytest.raises(error):
        model.fit(
            source,
            steps_per_epoch=9,
            verbose=0,
            callbacks=[callbacks.LambdaCallback(on_train_batch_end=interrupt)],
        )
    assert not ours()
    assert 2 <= source.taken <= 3  # one batch may be lost


@pytest.mark.usefixtures("always_ahead")
def test_a_generator_that_ends_early():
    model = small_model()
    with pytest.warns(UserWarning, match="ran out after 3 batches"):
        model.fit((batch(i) for i in range(3)), steps_per_epoch=5, epochs=2, verbose=0)
    assert not ours()


@pytest.mark.usefixtures("always_ahead")
def test_a_wrong_structure_says_which_batch():
    items = [batch(0), batch(1), (*batch(2), None, 3)]
    with pytest.raises(ValueError, match=r"Batch 2 of the data: .*4 parts"):
        small_model().fit(iter(items), verbose=0)
    assert not ours()


def test_a_generator_cannot_be_split():
    with pytest.raises(ValueError, match=r"validation_split=0\.2 with a generator"):
        small_model().fit((batch(i) for i in range(3)), validation_split=0.2, verbose=0)


def test_mapped_arrays_train_the_same(tmp_path, always_ahead):
    x, y = np.random.default_rng(0).normal(size=(2, 23, 3)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for options in ({}, {"steps_per_epoch": 2}, {"validation_split": 0.3}):
        weights = []
        for data in (x, mapped):
            model = small_model()
            model.fit(data, y[:, :1], batch_size=4, epochs=3, verbose=0, **options)
            weights.append([w.tobytes() for w in model.get_weights()])
        assert weights[0] == weights[1]
    assert not ours()


# Datasets


def test_workers_work_at_the_same_time_and_in_order():
    together = threading.Barrier(3, timeout=5)  # passes only where three are at it at once

    def make(number):
        together.wait()
        return number

    assert list(Workers(make, iter(range(9)), 3, False, 6)) == list(range(9))
    assert not ours()


def test_workers_make_no_more_than_the_queue_holds():
    made = []
    items = Workers(lambda number: made.append(number), iter(range(50)), 2, False, 4)
    next(items)
    wait_until(lambda: len(made) == 4)
    time.sleep(0.002)
    assert len(made) == 4
    items.close()


WORKERS = {
    "one": {},
    "threads": {"workers": 3, "max_queue_size": 4},
    "a process": {"workers": 1, "use_multiprocessing": True},
}


@pytest.mark.parametrize("options", WORKERS.values(), ids=WORKERS)
def test_datasets_give_the_same_bytes_by_any_workers(options):
    plain = Counting(6)
    expected = weights_after(plain, epochs=2)
    dataset = Counting(6, **options)
    assert weights_after(dataset, epochs=2) == expected
    assert dataset.calls == plain.calls == ["begin", "end"] * 2
    assert not ours()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_dataset_that_raises_says_where(workers):
    model = small_model()
    with pytest.raises(LookupError, match="batch 4 is missing") as caught:
        model.fit(Counting(6, missing=4, workers=workers), shuffle=False, verbose=0)
    assert "batch 4 of the data" in caught.value.__notes__[0]
    assert not ours()


def test_a_dataset_without_end():
    dataset = Counting(None)
    with pytest.raises(ValueError, match=r"without end .*steps_per_epoch"):
        small_model().fit(dataset, verbose=0)
    small_model().fit(dataset, steps_per_epoch=3, epochs=2, verbose=0)
    assert dataset.made == [0, 1, 2, 3, 4, 5]
