"""`.keras` files written and read here: nothing lost, nothing half done, and good reasons given."""

import json
import os
import zipfile

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers, losses, metrics, models, optimizers
from minidl.saving import ModelFileError, load_model

from .models import MODELS, predictions, shake, some_inputs, stack, two_by_two

every_model = pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)


def assert_same_predictions(one, other):
    x = some_inputs(one)
    for a, b in zip(predictions(one, x), predictions(other, x), strict=True):
        np.testing.assert_array_equal(a, b)


@every_model
def test_a_model_comes_back(make, tmp_path):
    model = make(minidl)
    shake(model)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert type(again) is type(model)
    assert [la.name for la in again.layers] == [la.name for la in model.layers]
    assert_same_predictions(model, again)


@every_model
def test_weights_come_back(make, tmp_path):
    model, other = make(minidl), make(minidl)
    shake(model)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    x = some_inputs(model)
    names = [t.name for t in other.inputs]
    y = dict(zip(names, x.values(), strict=True)) if isinstance(x, dict) else x
    for a, b in zip(predictions(model, x), predictions(other, y), strict=True):
        np.testing.assert_array_equal(a, b)


@every_model
def test_the_same_model_makes_the_same_bytes(make, tmp_path):
    model = make(minidl)
    for name in ("a.keras", "b.keras"):
        model.save(tmp_path / name)
    load_model(tmp_path / "a.keras").save(tmp_path / "c.keras")
    first = (tmp_path / "a.keras").read_bytes()
    assert (tmp_path / "b.keras").read_bytes() == first
    assert (tmp_path / "c.keras").read_bytes() == first


def compiled(optimizer=None, **options):
    minidl.utils.set_random_seed(4)
    model = stack(minidl)
    chosen = {"loss": "mse", "metrics": ["mae", metrics.MeanSquaredError(name="q")], **options}
    model.compile(optimizer or optimizers.Adam(0.01, amsgrad=True), **chosen)
    return model


def data(samples=24):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 5)).astype("float32")
    return x, rng.normal(size=(samples, 2)).astype("float32")


SCHEDULE = optimizers.schedules.ExponentialDecay(0.05, 3, 0.9)
OPTIMIZERS = [
    *(cls() for cls in optimizers.registry.classes()),
    optimizers.SGD(SCHEDULE, momentum=0.9, nesterov=True),
    optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    optimizers.RMSprop(0.01, momentum=0.9, centered=True),
    optimizers.AdamW(0.01, gradient_accumulation_steps=2),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: f"{o.name}-{len(o.slot_names)}")
def test_training_goes_on_as_if_never_stopped(optimizer, tmp_path):
    x, y = data()
    config = optimizers.serialize(optimizer)
    whole, halves = compiled(optimizers.get(config)), compiled(optimizers.get(config))
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    whole.fit(x, y, epochs=2, **fit)
    halves.fit(x, y, epochs=1, **fit)
    halves.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    again.fit(x, y, epochs=1, **fit)
    whole.fit(x, y, epochs=1, **fit)
    again.fit(x, y, epochs=1, **fit)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.optimizer.iterations == whole.optimizer.iterations


def test_the_compiled_state_comes_back(tmp_path):
    x, y = data()
    model = compiled(
        loss=losses.Huber(delta=0.5), loss_weights=[0.5], weighted_metrics=["mae"], metrics=None
    )
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    weight = np.linspace(0, 1, len(x))
    a = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    b = again.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    assert a == b
    assert again.optimizer.amsgrad
    plain = load_model(tmp_path / "m.keras", compile=False)
    assert plain.optimizer is None
    with pytest.raises(RuntimeError, match="before compile"):
        plain.evaluate(x, y)


def test_dicts_of_losses_and_metrics_come_back(tmp_path):
    model = two_by_two(minidl)
    second = model.output_names[1]
    model.compile(
        "sgd",
        {"p": losses.mean_squared_error, second: "mae"},
        metrics={"p": [metrics.MeanAbsoluteError(), "mse"]},
        loss_weights={"p": 1.0, second: 0.5},
    )
    x = some_inputs(model)
    y = predictions(model, x)
    model.save(tmp_path / "m.keras")
    results = [m.evaluate(x, y, verbose=0) for m in (model, load_model(tmp_path / "m.keras"))]
    assert results[0] == results[1]


def test_loading_changes_nothing_when_it_fails(tmp_path):
    model, other = stack(minidl), stack(minidl)
    other.add(layers.Dense(3))
    other.save_weights(tmp_path / "other.weights.h5")
    other.save(tmp_path / "other.keras")
    wide = Sequential([Input((5,)), layers.Dense(5), layers.Dense(6)])
    wide.save_weights(tmp_path / "wide.weights.h5")
    before = model.get_weights()
    with pytest.raises(ModelFileError, match=r"'dense.*expected \(5, 5\)") as caught:
        model.load_weights(tmp_path / "wide.weights.h5")
    assert "layers/dense_1" in str(caught.value)
    assert "skip_mismatch=True" in str(caught.value)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_that_do_not_fit_are_skipped_when_asked_for(tmp_path):
    a = Sequential([Input((5,)), layers.Dense(5), layers.Dense(6, name="wide")])
    b = Sequential([Input((5,)), layers.Dense(5), layers.Dense(2, name="narrow")])
    a.save_weights(tmp_path / "a.weights.h5")
    kept = b.get_weights()[2]
    with pytest.warns(UserWarning, match="left as they are: 'narrow' at layers/dense_1"):
        b.load_weights(tmp_path / "a.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(b.get_weights()[0], a.get_weights()[0])
    np.testing.assert_array_equal(b.get_weights()[2], kept)


def test_weights_are_taken_from_a_whole_model_too(tmp_path):
    model, other = stack(minidl), stack(minidl)
    shake(model)
    model.save(tmp_path / "m.keras")
    other.load_weights(tmp_path / "m.keras")
    assert_same_predictions(model, other)


def test_one_layer_has_a_file_of_its_own(tmp_path):
    one, other = layers.LSTM(3), layers.LSTM(3)
    for layer in (one, other):
        layer.build((None, 5, 4))
    minidl.saving.save_weights(one, tmp_path / "one.weights.h5")
    minidl.saving.load_weights(other, tmp_path / "one.weights.h5")
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_within_two_others_is_one_layer(tmp_path):
    shared = layers.Dense(3)
    x = Input((4, 3))
    y = layers.TimeDistributed(shared)(x)
    z = layers.TimeDistributed(shared)(y)
    model = Model(x, shared(layers.Flatten()(layers.GlobalMaxPooling1D()(z))))
    shake(model)
    assert len(model.weights) == 2
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert len(again.weights) == 2
    assert_same_predictions(model, again)


def test_json_holds_the_architecture(tmp_path):
    model = two_by_two(minidl)
    again = models.model_from_json(model.to_json(indent=1))
    again.set_weights(model.get_weights())
    assert_same_predictions(model, again)
    with pytest.raises(ModelFileError, match="no JSON"):
        models.model_from_json("{")


def test_a_model_without_weights_is_saved_with_a_warning(tmp_path):
    model = Sequential([layers.Dense(2)])
    with pytest.warns(UserWarning, match="not built yet, so its file will have no weights"):
        model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert not again.built
    assert again(np.ones((1, 3))).shape == (1, 2)


# Paths


def test_paths_are_looked_at(tmp_path):
    model = stack(minidl)
    with pytest.raises(ValueError, match=r"'m\.h5', expected one that ends in '\.keras'"):
        model.save("m.h5")
    with pytest.raises(ValueError, match=r"ends in '\.weights\.h5'"):
        model.save_weights(tmp_path / "m.keras")
    with pytest.raises(FileNotFoundError, match=r"the folder .* is not there"):
        model.save(tmp_path / "no" / "m.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.raises(FileNotFoundError, match=r"there is no file .*Beside it .*'m\.keras'"):
        load_model(tmp_path / "n.keras")
    (tmp_path / "old.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="Keras 2"):
        load_model(tmp_path / "old.h5")
    with pytest.raises(ValueError, match=r"\.weights\.h5 or \.keras"):
        model.load_weights(tmp_path / "old.h5")
    (tmp_path / "folder.keras").mkdir()
    for act in (model.save, load_model):
        with pytest.raises(IsADirectoryError):
            act(tmp_path / "folder.keras")
    with pytest.raises(ValueError, match="not built yet"):
        Sequential([layers.Dense(2)]).save_weights(tmp_path / "m.weights.h5")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        stack(minidl).save(tmp_path / "m.keras")


def test_no_hdf5_package(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'minidl\[files\]'"):
        stack(minidl).save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def rewritten(path, **changes):
    """The same archive with members exchanged; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members.update({name.replace("__", "."): content for name, content in changes.items()})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def test_damaged_files_are_told_apart(tmp_path):
    path = tmp_path / "m.keras"
    model = stack(minidl)
    model.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(ModelFileError, match=r"no .keras file, or it is damaged"):
        load_model(path)
    path.write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"no .keras file"):
        load_model(path)
    path.write_bytes(whole.replace(b"layers", b"layerz", 1))  # in the configuration
    with pytest.raises(ModelFileError, match=r"'config.json' is damaged: Bad CRC"):
        load_model(path)
    path.write_bytes(whole)
    with pytest.raises(ModelFileError, match=r"no member 'model\.weights\.h5'"):
        load_model(rewritten(path, model__weights__h5=None))
    path.write_bytes(whole)
    with pytest.raises(ModelFileError, match="holds a list"):
        load_model(rewritten(path, config__json=b"[]"))
    path.write_bytes(whole)
    with pytest.raises(ModelFileError, match="no HDF5 file"):
        load_model(rewritten(path, model__weights__h5=b"PK"))


def test_an_unknown_class_names_the_nearest(tmp_path):
    path = tmp_path / "m.keras"
    stack(minidl).save(path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][1]["class_name"] = "Dence"
    rewritten(path, config__json=json.dumps(config).encode())
    with pytest.raises(ModelFileError, match=r"Unknown layer 'Dence'. Did you mean 'Dense'"):
        load_model(path)


@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
@pytest.mark.parametrize("name", ["TextVectorization", "StringLookup", "IntegerLookup"])
def test_a_vocabulary_beside_the_configuration(name, mode, tmp_path):
    """So Keras keeps one that `adapt` found; the model is made before it is read."""
    path = tmp_path / "m.keras"
    whole = name == "IntegerLookup"
    words = np.array([[5], [7], [5]]) if whole else np.array([["a"], ["b"], ["a"]], dtype=object)
    layer = getattr(layers, name)(output_mode=mode, name="it")
    layer.adapt(words)
    model = Sequential([Input((1,), dtype="int64" if whole else "string"), layer])
    expected = model.predict(words, verbose=0)
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][1]["config"].update(
        vocabulary=None, idf_weights=None, has_input_vocabulary=False,
        vocabulary_size=layer.vocabulary_size(),
    )  # fmt: skip
    group = minidl.saving.layout.parts(model)[1].path
    inner = f"{group}/_lookup_layer" if name == "TextVectorization" else group
    text = "\n".join(map(str, layer.get_vocabulary()))
    rewritten(path, config__json=json.dumps(config).encode())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"assets/{inner}/vocabulary.txt", text)
    again = load_model(path)
    np.testing.assert_array_equal(again.predict(words, verbose=0), expected)
    assert again.layers[0].get_vocabulary() == layer.get_vocabulary()
    rewritten(path, **{f"assets/{inner}/vocabulary__txt": b"not\nthis"})
    if whole or mode == "int":
        with pytest.raises(ModelFileError, match=r"vocabulary\.txt"):
            load_model(path)


def test_modules_that_keras_lets_slip(tmp_path):
    """On PyTorch Keras names its own optimizers by where they stand in its source."""
    path = tmp_path / "m.keras"
    compiled().save(path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    optimizer = config["compile_config"]["optimizer"]
    optimizer["module"] = "keras.src.backend.torch.optimizers.torch_adam"
    optimizer["registered_name"] = "Adam"
    rewritten(path, config__json=json.dumps(config).encode())
    assert isinstance(load_model(path).optimizer, optimizers.Adam)


def test_metadata_is_not_needed(tmp_path):
    model = stack(minidl)
    model.save(tmp_path / "m.keras")
    assert_same_predictions(model, load_model(rewritten(tmp_path / "m.keras", metadata__json=None)))
