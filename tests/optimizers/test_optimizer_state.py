"""Saving and restoring: state, configuration, names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from minidl import optimizers
from minidl.layers.parameter import Parameter
from minidl.optimizers import SGD, Adam, Nadam, RMSprop, schedules

OPTIONS = {
    "weight_decay": 0.1,
    "global_clipnorm": 1.0,
    "use_ema": True,
    "ema_momentum": 0.5,
    "ema_overwrite_frequency": 3,
    "gradient_accumulation_steps": 2,
    "name": "mine",
}
CLASSES = optimizers.registry.classes()
every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def parameters():
    rng = np.random.default_rng(2)
    made = []
    for path in ("dense/kernel", "dense/bias", "dense_1/kernel"):
        p = Parameter(rng.normal(size=(3, 2)).astype("float32"), name=path.split("/")[1])
        p.path = path
        p.grad = rng.normal(size=(3, 2))
        made.append(p)
    return made


def slot_names(optimizer):
    optimizer.build(parameters()[:2])
    return list(optimizer.get_state())


def test_state_names_and_order_are_those_of_keras():
    assert slot_names(SGD()) == ["iteration", "learning_rate"]
    assert slot_names(SGD(schedules.CosineDecay(0.1, 10))) == ["iteration"]
    assert slot_names(Adam(amsgrad=True, use_ema=True, gradient_accumulation_steps=2)) == [
        "iteration", "learning_rate",
        "dense_kernel_average", "dense_bias_average",
        "dense_kernel_gradient_accumulator", "dense_bias_gradient_accumulator",
        "dense_kernel_momentum", "dense_kernel_velocity",
        "dense_bias_momentum", "dense_bias_velocity",
        "dense_kernel_velocity_hat", "dense_bias_velocity_hat",
    ]  # fmt: skip
    assert slot_names(RMSprop(momentum=0.9, centered=True)) == [
        "iteration", "learning_rate",
        "dense_kernel_velocity", "dense_bias_velocity",
        "dense_kernel_momentum", "dense_bias_momentum",
        "dense_kernel_average_gradient", "dense_bias_average_gradient",
    ]  # fmt: skip
    assert slot_names(Nadam())[-1] == "u_product"


@every_class
@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["plain", "options"])
def test_a_restored_run_gives_the_same_bytes(cls, options):
    ps = parameters()
    optimizer = cls(**options)
    optimizer.build(ps)
    for _ in range(5):
        optimizer.step()
    state, values = optimizer.get_state(), [p.numpy() for p in ps]
    for _ in range(4):
        optimizer.step()

    ends = [p.numpy() for p in ps]
    for p, value in zip(ps, values, strict=True):
        p.assign(value)
    optimizer.set_state(state)  # back in time
    for _ in range(4):
        optimizer.step()
    for p, end in zip(ps, ends, strict=True):
        np.testing.assert_array_equal(p.value, end)

    again = parameters()
    for p, value in zip(again, values, strict=True):
        p.assign(value)
    restored = cls.from_config(optimizer.get_config())
    restored.build(again)
    restored.set_state(state)
    for _ in range(4):
        restored.step()
    assert restored.iterations == optimizer.iterations
    for p, q in zip(ps, again, strict=True):
        np.testing.assert_array_equal(p.value, q.value)
    for a, b in zip(optimizer.variables, restored.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_state_is_a_copy_and_the_variables_are_live():
    ps = parameters()
    optimizer = Adam()
    optimizer.build(ps)
    state, live = optimizer.get_state(), optimizer.variables
    optimizer.step()
    assert not state["dense_kernel_momentum"].any()
    assert live[2].any()


def test_equal_paths_get_names_of_their_own():
    p, q = Parameter(np.ones(2)), Parameter(np.ones(3))
    optimizer = SGD(momentum=0.5)
    optimizer.apply([np.ones(2), np.ones(3)], [p, q])
    state = optimizer.get_state()
    assert list(state)[2:] == ["parameter_momentum", "parameter_momentum_1"]
    optimizer.set_state(state)


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer = Adam()
    with pytest.raises(RuntimeError, match="before build"):
        optimizer.set_state({})
    optimizer.build(parameters())
    optimizer.step()
    good = optimizer.get_state()
    wrong_shape = {**good, "dense_1_kernel_velocity": np.zeros(3), "iteration": np.array(9)}
    with pytest.raises(ValueError, match=r"dense_1_kernel_velocity: \(3,\) for \(3, 2\)"):
        optimizer.set_state(wrong_shape)
    missing = {k: v for k, v in good.items() if k != "dense_bias_momentum"}
    with pytest.raises(ValueError, match=r"lacks \['dense_bias_momentum'\].*unknown \['extra'\]"):
        optimizer.set_state({**missing, "extra": np.zeros(1)})
    for name, array in optimizer.get_state().items():
        np.testing.assert_array_equal(array, good[name])


@every_class
def test_configurations_come_back(cls):
    optimizer = cls(learning_rate=0.25, **OPTIONS)
    config = json.loads(json.dumps(optimizer.get_config()))
    assert config["learning_rate"] == 0.25
    assert cls.from_config(config).get_config() == config
    saved = optimizers.serialize(optimizer)
    assert (saved["module"], saved["class_name"]) == ("keras.optimizers", cls.__name__)
    again = optimizers.deserialize(json.loads(json.dumps(saved)))
    assert type(again) is cls
    assert again.get_config() == config


def test_schedules_travel_in_the_configuration():
    optimizer = Adam(schedules.CosineDecay(0.1, 1000, warmup_target=0.2, warmup_steps=5))
    config = optimizer.get_config()
    assert config["learning_rate"]["module"] == "keras.optimizers.schedules"
    assert config["learning_rate"]["config"]["decay_steps"] == 1000
    again = Adam.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert again.learning_rate == 0.1


def test_a_rate_that_fell_to_zero_comes_back():
    optimizer = SGD()
    optimizer.learning_rate = 0.0
    assert SGD.from_config(optimizer.get_config()).learning_rate == 0


@every_class
def test_every_optimizer_is_found_by_name(cls):
    name = cls.__name__
    for identifier in (name, name.lower(), name.upper(), cls, {"class_name": name, "config": {}}):
        assert type(optimizers.get(identifier)) is cls


def test_get_passes_objects_and_none_and_refuses_the_rest():
    optimizer = SGD()
    assert optimizers.get(optimizer) is optimizer
    assert optimizers.get(None) is None
    with pytest.raises(ValueError, match="Did you mean 'adam'"):
        optimizers.get("adan")
    with pytest.raises(TypeError, match="expected a name"):
        optimizers.get(3)


def test_every_public_optimizer_is_registered():
    public = {getattr(optimizers, name) for name in optimizers.__all__}
    found = {o for o in public if isinstance(o, type) and issubclass(o, optimizers.Optimizer)}
    assert found - {optimizers.Optimizer} == set(CLASSES)


def test_default_names_are_in_snake_case():
    assert SGD().name == "sgd"
    assert Adam(name="other").name == "other"
    assert repr(SGD()) == "<SGD name=sgd iterations=0>"
