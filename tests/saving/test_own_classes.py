"""A user's own classes and functions in files: known by name, made again, or refused in time."""

import json
import zipfile

import numpy as np
import pytest

import minidl
from minidl import (
    Input,
    Model,
    Sequential,
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    saving,
)
from minidl.saving import ModelFileError, NotSavableError, load_model
from tests.autodiff.ported import PORTED
from tests.autodiff.test_ported import _inputs

from .models import shake


def through_a_file(model, tmp_path, **options):
    model.save(tmp_path / "m.keras")
    return load_model(tmp_path / "m.keras", **options)


def assert_same(a, b, x):
    np.testing.assert_array_equal(a.predict(x, verbose=0), b.predict(x, verbose=0))


X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


class Scale(layers.Layer):
    """Keeps its argument under another name, and a layer under an argument's name."""

    def __init__(self, factor=2.0, inner=3, table=None, **kwargs):
        super().__init__(**kwargs)
        self._factor = factor
        self.inner = layers.Dense(inner)
        self.table = table

    def call(self, x):
        return self.inner(x * self._factor)


def test_a_layer_is_found_by_custom_objects_or_a_scope(tmp_path):
    model = Sequential([Input((4,)), Scale(3.0, inner=2, table=np.eye(2))])
    again = through_a_file(model, tmp_path, custom_objects={"Scale": Scale})
    assert_same(model, again, X)
    np.testing.assert_array_equal(again.layers[0].table, np.eye(2))
    assert again.layers[0].get_config()["inner"] == 2
    with saving.custom_object_scope({"Scale": Scale}):
        assert_same(model, load_model(tmp_path / "m.keras"), X)
    with pytest.raises(ModelFileError, match=r"Unknown layer 'Scale'.*custom_objects"):
        load_model(tmp_path / "m.keras")


@pytest.fixture
def registered():
    """Names that tests register are forgotten afterwards."""
    known = saving.get_custom_objects()
    before = dict(known)
    yield known
    known.clear()
    known.update(before)


def test_what_is_registered_needs_nothing_more(tmp_path, registered):
    register = saving.register_keras_serializable("shop")

    @register
    class Own(layers.Layer):
        def call(self, x):
            return x + 1

    @register
    def bent(z):
        return np.abs(z)

    @register
    def far(y_true, y_pred):
        return ((y_true - y_pred) ** 4).mean(axis=-1)

    @register
    class Half(regularizers.Regularizer):
        def __init__(self, strength):
            self.strength = strength

        def __call__(self, x):
            return self.strength * float(np.abs(x).sum())

        def gradient(self, x):
            return self.strength * np.sign(x)

    @register
    class Counting(metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(np.ones(len(y_pred)))

    @register
    class Follow(optimizers.Optimizer):
        def update(self, value, grad, slots, learning_rate):
            value -= learning_rate * np.sign(grad)

    model = Sequential(
        [
            Input((4,)),
            layers.Dense(3, activation=bent, kernel_regularizer=Half(0.1)),
            Own(),
            layers.Lambda(bent),
        ]
    )
    model.compile(Follow(0.01), far, metrics=[Counting(name="n"), far])
    y = np.zeros((5, 3))
    model.fit(X, y, verbose=0)
    again = through_a_file(model, tmp_path)
    assert_same(model, again, X)
    assert again.evaluate(X, y, verbose=0) == model.evaluate(X, y, verbose=0)
    assert type(again.optimizer) is Follow
    assert again.optimizer.iterations == 1
    assert again.layers[0].kernel_regularizer.strength == 0.1
    assert saving.get_registered_name(Own) == "shop>Own"
    assert saving.get_registered_object("shop>Own") is Own
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        written = json.loads(archive.read("config.json"))["config"]["layers"][2]
    assert written["registered_name"] == "shop>Own"


def test_one_name_is_one_thing(registered):
    saving.register_keras_serializable("shop", "Thing")(Scale)
    saving.register_keras_serializable("shop", "Thing")(Scale)
    with pytest.raises(ValueError, match="'shop>Thing' belongs to"):
        saving.register_keras_serializable("shop", "Thing")(test_one_name_is_one_thing)
    with pytest.raises(ValueError, match="no get_config"):
        saving.register_keras_serializable()(Exception)
    with pytest.raises(TypeError, match="expected a dict"):
        saving.custom_object_scope([Scale])


def plain(z):
    return np.tanh(z)


def test_functions_by_name(tmp_path):
    def ramp(shape, dtype=None):
        return np.arange(np.prod(shape)).reshape(shape)

    def halved(w):
        return w / 2

    def cubes(x):
        return np.sum(np.abs(x) ** 3)

    model = Sequential(
        [
            Input((4,)),
            layers.Dense(
                3,
                activation=plain,
                kernel_initializer=ramp,
                bias_constraint=halved,
                kernel_regularizer=cubes,
            ),
        ]
    )
    names = {"plain": plain, "ramp": ramp, "halved": halved, "cubes": cubes}
    again = through_a_file(model, tmp_path, custom_objects=names)
    assert_same(model, again, X)
    dense = again.layers[0]
    assert isinstance(dense.activation, activations.FunctionActivation)
    assert isinstance(dense.kernel_initializer, initializers.FunctionInitializer)
    assert dense.bias_constraint.function is halved
    assert isinstance(dense.bias_constraint, constraints.Constraint)
    assert dense.kernel_regularizer.function is cubes
    with pytest.raises(ModelFileError, match=r"'plain' was a plain function.*custom_objects"):
        load_model(tmp_path / "m.keras")


def test_subclassed_models(tmp_path):
    class Two(Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.z_first = layers.Dense(units, activation="tanh")
            self.blocks = [layers.Dense(units), {"deep": layers.Dense(units)}]
            self.a_last = layers.Dense(units)

        def call(self, x):
            h = self.blocks[1]["deep"](self.blocks[0](self.z_first(x)))
            return self.a_last(h)

    model = Two(units=4)
    model(X)
    shake(model)
    model.compile("adam", "mse")
    model.fit(X, np.zeros((5, 4)), verbose=0)
    again = through_a_file(model, tmp_path, custom_objects={"Two": Two})
    assert_same(model, again, X)
    assert again.optimizer.iterations == 1
    model.save_weights(tmp_path / "m.weights.h5")
    fresh = Two(units=4)
    fresh(X)
    fresh.load_weights(tmp_path / "m.weights.h5")
    assert_same(model, fresh, X)


def test_subclasses_of_graphs_and_stacks(tmp_path):
    class OwnStep(Model):
        def train_step(self, data):
            return super().train_step(data)

    class Fixed(Sequential):
        def __init__(self, units):
            super().__init__([layers.Dense(units), layers.ReLU()])
            self.units = units

    class Graph(Model):
        def __init__(self, units):
            x = Input((4,))
            super().__init__(x, layers.Dense(units)(x))
            self.units = units

    x = Input((4,))
    stepping, fixed, graph = OwnStep(x, layers.Dense(2)(x)), Fixed(3), Graph(3)
    fixed.build((None, 4))
    for model in (stepping, fixed, graph):
        again = through_a_file(model, tmp_path, custom_objects={type(model).__name__: type(model)})
        assert type(again) is type(model)
        assert_same(model, again, X)


def test_a_layer_that_saves_in_its_own_way(tmp_path):
    class Packed(layers.Dense):
        def save_own_variables(self, store):
            store["all"] = np.concatenate([w.ravel() for w in self.get_weights()])

        def load_own_variables(self, store):
            kernel, bias = np.split(store["all"], [self.kernel.size])
            self.kernel.assign(kernel.reshape(self.kernel.shape))
            self.bias.assign(bias)

    class Failing(Packed):
        def load_own_variables(self, store):
            super().load_own_variables(store)
            raise RuntimeError("no")

    model = Sequential([Input((4,)), Packed(3), layers.Dense(2)])
    assert_same(model, through_a_file(model, tmp_path, custom_objects={"Packed": Packed}), X)
    failing = Sequential([Input((4,)), Failing(3), layers.Dense(2)])
    failing.save_weights(tmp_path / "m.weights.h5")
    shake(failing)
    before = failing.get_weights()
    with pytest.raises(ModelFileError, match="own load_own_variables: RuntimeError: no"):
        failing.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(before, failing.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", PORTED)
def test_ported_layers(name, tmp_path):
    """Ten layers of published scripts, saved as they are: none of them has a get_config."""
    make, what = PORTED[name]
    x = _inputs(what, 6)
    inputs = [Input(a.shape[1:]) for a in (x if isinstance(x, list) else [x])]
    custom = make()
    h = layers.Flatten()(custom(inputs if isinstance(x, list) else inputs[0]))
    model = Model(inputs, layers.Dense(1)(h))
    shake(model)
    model.compile("adam", "mse")
    model.fit(x, np.zeros((6, 1)), verbose=0)
    again = through_a_file(model, tmp_path, custom_objects={type(custom).__name__: type(custom)})
    assert_same(model, again, x)
    assert again.optimizer.iterations == 1


# Refused in time


def refused(layer, tmp_path, message, **compiled):
    model = Sequential([Input((4,)), layer])
    if compiled:
        model.compile(**compiled)
    with pytest.raises(NotSavableError, match=message):
        model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_made_again_is_not_saved(tmp_path):
    class Passing(layers.Layer):
        def call(self, x):
            return x

    class Positional(Passing):
        def __init__(self, *sizes):
            super().__init__()
            self.sizes = sizes

        def get_config(self):
            return {"sizes": self.sizes}

    class Doubling(Passing):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = 2 * units

    class Holding(Passing):
        def __init__(self, thing, **kwargs):
            super().__init__(**kwargs)
            self.thing = thing

    refused(Positional(2, 3), tmp_path, "Positional.*TypeError.*from_config")
    refused(Doubling(3), tmp_path, r"other arguments: units=12 for 6")
    refused(Holding({1, 2}), tmp_path, r"thing is a set.*Override get_config")
    refused(Holding({1: 2}), tmp_path, r"a dict with the key 1, and would come back with '1'")
    refused(Holding(lambda x: x), tmp_path, "thing is a lambda, and code is never")
    refused(layers.Lambda(lambda x: x), tmp_path, "its function has no name")
    refused(layers.Dense(2, activation=lambda x: x), tmp_path, "activation is a lambda")
    refused(layers.Dense(2), tmp_path, "loss is a lambda", loss=lambda a, b: (a - b).mean(-1))
    refused(layers.Dense(2), tmp_path, "learning rate", optimizer=optimizers.SGD(lambda: 0.1))


def test_a_function_that_bears_a_built_in_name(tmp_path):
    def relu(z):
        return z

    refused(layers.Dense(2, activation=relu), tmp_path, "'relu' bears the name of a built-in one")


def test_saving_draws_no_random_number_and_takes_no_name(tmp_path):
    def run(saves):
        minidl.utils.clear_session()
        minidl.utils.set_random_seed(1)
        model = Sequential([Input((4,)), Scale(2.0), layers.Dropout(0.5), layers.Dense(3)])
        model.compile("sgd", "mse")
        if saves:
            model.save(tmp_path / "m.keras")
        later = layers.Dense(2)
        later.build((None, 3))
        model.fit(X, np.zeros((5, 3)), verbose=0)
        return later.name, [*later.get_weights(), *model.get_weights()]

    saving.checks._proven.clear()
    (name, weights), (name_again, weights_again) = run(False), run(True)
    assert name == name_again
    for a, b in zip(weights, weights_again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_objects_of_every_family_go_through_json():
    for thing in (
        activations.LeakyRelu(0.1),
        constraints.MaxNorm(3),
        initializers.HeNormal(seed=3),
        losses.Huber(0.5),
        metrics.AUC(num_thresholds=7),
        optimizers.Adam(0.1, clipnorm=1.0),
        optimizers.schedules.CosineDecay(0.1, 10),
        regularizers.L1L2(0.1, 0.2),
        layers.Conv2D(3, 2),
        Sequential([Input((3,)), layers.Dense(2)]),
    ):
        entry = json.loads(json.dumps(saving.serialize_keras_object(thing)))
        again = saving.deserialize_keras_object(entry)
        assert type(again) is type(thing)
        assert again.get_config() == thing.get_config()
    nest = {"a": [1, None, "s"], "b": np.arange(3), "c": losses.mean_squared_error}
    found = saving.deserialize_keras_object(saving.serialize_keras_object(nest))
    assert found["a"] == [1, None, "s"]
    assert found["c"] is losses.mean_squared_error
    np.testing.assert_array_equal(found["b"], [0, 1, 2])
