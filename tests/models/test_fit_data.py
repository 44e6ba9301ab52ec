"""What `fit` takes: arrays, frames, generators, datasets; weights of samples and of classes."""

import numpy as np
import pandas as pd
import pytest

from minidl import Input, Model, Sequential, callbacks, layers, losses, metrics, optimizers, utils
from minidl.models.batches import ArrayBatches
from tests.models.toys import linear_model, regression

# What fit takes


def test_pandas_frames_train(rng):
    x, y = regression(rng)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    model = linear_model()
    model.fit(frame, pd.Series(y[:, 0]), epochs=20, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [1, 2, 3], atol=0.2)


def test_a_generator_with_steps_per_epoch(rng):
    x, y = regression(rng)

    def forever():
        while True:
            yield x[:16], y[:16]

    history = linear_model().fit(forever(), steps_per_epoch=4, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 3


def test_a_generator_that_ends_early_warns_and_keeps_what_was_learned(rng):
    x, y = regression(rng)
    model = linear_model()
    with pytest.warns(UserWarning, match="ran out after 2 batches"):
        history = model.fit(((x, y) for _ in range(6)), steps_per_epoch=4, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 2


def test_a_re_iterable_is_run_through_every_epoch(rng):
    x, y = regression(rng)

    class Stream:
        rounds = 0

        def __iter__(self):
            Stream.rounds += 1
            yield x[:32], y[:32]
            yield x[32:], y[32:]

    linear_model().fit(Stream(), epochs=3, verbose=0)
    assert Stream.rounds == 3


def test_a_list_of_batches_is_a_stream(rng):
    x, y = regression(rng)
    model = linear_model()
    model.fit([(x[:32], y[:32]), (x[32:], y[32:])], epochs=2, verbose=0)
    assert model.optimizer.iterations == 4


def test_py_dataset(rng):
    x, y = regression(rng)
    seen = []

    class Data(utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            seen.append(index)
            return x[index * 16 : (index + 1) * 16], y[index * 16 : (index + 1) * 16]

        def on_epoch_end(self):
            seen.append("end")

    model = linear_model()
    model.fit(Data(), epochs=2, validation_data=Data(), verbose=0)
    assert seen.count("end") == 4
    assert sorted(i for i in seen[:4] if i != "end") == [0, 1, 2, 3]
    assert model.predict(Data(), verbose=0).shape == (64, 1)


def test_memory_mapped_arrays_are_not_copied_whole(rng, tmp_path):
    x, y = regression(rng, samples=100)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = linear_model()
    taken = []
    cast = model._inputs.cast
    model._inputs.cast = lambda i, a: taken.append(len(a)) or cast(i, a)
    model.fit(mapped, y, batch_size=10, epochs=5, verbose=0)
    assert max(taken) == 10
    np.testing.assert_allclose(model.predict(mapped, verbose=0), model.predict(x, verbose=0))


def test_dicts_and_lists_for_several_inputs_and_outputs(rng):
    a, b = Input((2,), name="a"), Input((3,), name="b")
    joined = layers.Concatenate()([a, b])
    model = Model(
        {"a": a, "b": b},
        {"p": layers.Dense(1)(joined), "q": layers.Dense(2, activation="softmax")(joined)},
    )
    model.compile(
        optimizer="sgd",
        loss={"p": "mse", "q": "sparse_categorical_crossentropy"},
        loss_weights={"p": 0.5, "q": 2.0},
        metrics={"q": ["accuracy"], "p": "mae"},
    )
    x = {"b": rng.normal(size=(8, 3)), "a": rng.normal(size=(8, 2))}
    y = {"p": rng.normal(size=(8, 1)), "q": rng.integers(0, 2, size=8)}
    history = model.fit(x, y, verbose=0, validation_data=(x, y))
    assert set(history.history) >= {"loss", "p_loss", "q_loss", "q_accuracy", "p_mae", "val_q_loss"}
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(0.5 * logs["p_loss"] + 2 * logs["q_loss"], rel=1e-5)
    out = model.predict(x, verbose=0)
    assert out["p"].shape == (8, 1)
    assert out["q"].shape == (8, 2)


def test_two_outputs_train_as_the_sum_of_their_losses(rng):
    x = rng.normal(size=(8, 3)).astype("float32")
    y1, y2 = rng.normal(size=(8, 1)), rng.normal(size=(8, 2))
    entry = Input((3,))
    hidden = layers.Dense(4, activation="tanh")(entry)
    first, second = layers.Dense(1, name="one")(hidden), layers.Dense(2, name="two")(hidden)
    model = Model(entry, [first, second])
    model.compile(optimizer=optimizers.SGD(1.0), loss=["mse", "mae"], loss_weights=[1.0, 0.25])
    before = model.get_weights()
    model.train_on_batch(x, [y1, y2])
    after = model.get_weights()

    def total(weights):
        model.set_weights(weights)
        p1, p2 = model.predict(x, verbose=0)
        return np.mean((p1 - y1) ** 2) + 0.25 * np.mean(np.abs(p2 - y2))

    step = [a - b for a, b in zip(before, after, strict=True)]
    slope = sum(float((s * s).sum()) for s in step)
    h = 1e-3
    moved = [b - h * s for b, s in zip(before, step, strict=True)]
    assert (total(before) - total(moved)) / h == pytest.approx(slope, rel=2e-2)


def test_steps_with_arrays(rng):
    x, y = regression(rng, samples=10)
    seen = []
    hook = callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: seen.append(step))
    model = linear_model()
    model.fit(x, y, batch_size=2, steps_per_epoch=3, epochs=3, callbacks=[hook], verbose=0)
    assert seen == [0, 1, 2] * 3
    assert model.optimizer.iterations == 9
    assert model.predict(x, batch_size=4, steps=2, verbose=0).shape == (8, 1)
    assert model.evaluate(x, y, batch_size=4, steps=1, verbose=0) == pytest.approx(
        model.evaluate(x[:4], y[:4], verbose=0), rel=1e-6
    )


def test_a_partial_epoch_goes_on_where_the_last_one_ended():
    x = np.arange(6, dtype="float32")[:, None]
    batches = ArrayBatches([x], None, None, 2, lambda i, a: a, lambda i, a: a, steps=2)
    taken = [[b.x[0][:, 0].tolist() for b in batches.epoch()] for _ in range(3)]
    assert taken == [[[0, 1], [2, 3]], [[4, 5], [0, 1]], [[2, 3], [4, 5]]]


# Weights of samples and classes


def test_sample_weight_zero_leaves_samples_out(rng):
    x, y = regression(rng, samples=8)
    weight = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype="float32")
    model = linear_model(loss=losses.MeanSquaredError(reduction="sum"))
    other = linear_model(loss=losses.MeanSquaredError(reduction="sum"))
    other.set_weights(model.get_weights())
    model.fit(x, y, sample_weight=weight, batch_size=8, verbose=0)
    other.fit(x[:4], y[:4], batch_size=4, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_class_weight_is_a_sample_weight_by_class(rng):
    x = rng.normal(size=(12, 3)).astype("float32")
    y = np.array([0, 1, 2] * 4)
    weight = {0: 1.0, 1: 2.0, 2: 0.5}
    results = []
    for options in (
        {"class_weight": weight},
        {"sample_weight": np.array([weight[c] for c in y])},
    ):
        utils.set_random_seed(1)
        model = Sequential([Input((3,)), layers.Dense(3, activation="softmax")])
        model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
        model.fit(x, y, verbose=0, shuffle=False, **options)
        results.append(model.get_weights()[0])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_weighted_metrics_see_the_weights_and_plain_ones_do_not(rng):
    x, y = regression(rng, samples=4)
    model = linear_model(metrics=["mae"], weighted_metrics=[metrics.MeanAbsoluteError(name="wmae")])
    weight = np.array([1.0, 0.0, 0.0, 3.0])
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    error = np.abs(model.predict(x, verbose=0) - y)[:, 0]
    assert logs["mae"] == pytest.approx(error.mean(), rel=1e-5)
    assert logs["wmae"] == pytest.approx((error * weight).sum() / 4, rel=1e-5)
