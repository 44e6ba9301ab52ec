"""Files that mean harm: a test for each kind that Keras has had, and for what else there may be.

Each file is made here. Where code could run, it would leave a trace; none may be there.
"""

from __future__ import annotations

import io
import json
import marshal
import pickle
import tarfile
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import minidl
from minidl import Input, Sequential, layers
from minidl.saving import ModelFileError, deserialize_keras_object, hdf5, load_model
from minidl.utils.archives import unpack


def model():
    return Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)])


@pytest.fixture
def members(tmp_path):
    """The members of a good file, to be made bad."""
    path = tmp_path / "good.keras"
    model().save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_layer(members, entry):
    """The members with an entry in the place of the first Dense."""
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] = entry
    return {**members, "config.json": json.dumps(config).encode()}


def entry(name, module="keras.layers", registered_name=None, **config):
    return {
        "module": module,
        "class_name": name,
        "config": {"name": "it", **config},
        "registered_name": registered_name,
    }


def function(name, module="builtins"):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


# What Keras has had


class Trace:
    """Something whose unpickling writes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_cve_2024_3660_a_lambda_with_code(tmp_path, members):
    trace = tmp_path / "trace"
    code = marshal.dumps(compile(f"open({str(trace)!r}, 'w')", "f", "eval")).hex()
    harm = {"class_name": "__lambda__", "config": {"value": [code, None, None]}}
    for bad in (entry("Lambda", function=harm), entry("Dense", units=3, activation=harm)):
        for safe_mode in (True, False):
            path = packed(tmp_path / "m.keras", with_layer(members, bad))
            with pytest.raises(ModelFileError, match="code"):
                load_model(path, safe_mode=safe_mode)
    assert not trace.exists()


@pytest.mark.parametrize(
    "bad",
    [
        entry("system", "os", command="true"),
        entry("Popen", "subprocess", args=["true"]),
        entry("Dense", "os", units=3),
        entry("Dense", "keras.layers", "os>Dense", units=3),
        entry("Dense", units=3, activation=function("system", "os")),
        entry("Dense", units=3, activation=function("eval")),
        entry("Dense", units=3, kernel_initializer=entry("Popen", "subprocess", args=["true"])),
        entry("Dense", units=3, kernel_regularizer=function("os.system")),
    ],
)
def test_cve_2025_1550_any_class_or_function_by_its_module(tmp_path, members, bad, monkeypatch):
    monkeypatch.setattr("builtins.__import__", refuse_new(__import__))
    with pytest.raises(ModelFileError):
        load_model(packed(tmp_path / "m.keras", with_layer(members, bad)))


def refuse_new(original):
    """Nothing may be imported because a file names it."""

    def guarded(name, *args, **kwargs):
        assert name not in ("subprocess", "os.system"), name
        return original(name, *args, **kwargs)

    return guarded


@pytest.mark.parametrize("module", ["keras.utils", "keras.src.utils.file_utils", "keras.models"])
@pytest.mark.parametrize("name", ["get_file", "load_model", "custom_object_scope"])
def test_cve_2025_8747_keras_own_functions_as_a_way_round(tmp_path, members, module, name):
    for bad in (
        entry(name, module, fname="f", origin="http://127.0.0.1:9/f"),
        entry("Dense", units=3, activation=function(name, module)),
        entry("Lambda", function=function(name, module), arguments={"origin": "file:///etc/hosts"}),
    ):
        with pytest.raises(ModelFileError):
            load_model(packed(tmp_path / "m.keras", with_layer(members, bad)))


def test_cve_2025_9906_a_configuration_that_turns_safety_off(tmp_path, members):
    off = function("enable_unsafe_deserialization", "keras.config")
    for bad in (entry("enable_unsafe_deserialization", "keras.config"), off):
        with pytest.raises(ModelFileError):
            load_model(packed(tmp_path / "m.keras", with_layer(members, bad)))
    with pytest.raises(ValueError, match="not known"):
        deserialize_keras_object(off, safe_mode=False)


def test_cve_2025_9905_old_files_that_bypass_safe_mode(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(entry("Lambda"))
    with pytest.raises(ValueError, match=r"expected one that ends in \.keras"):
        load_model(tmp_path / "m.h5", safe_mode=False)


def test_cve_2025_49655_a_wrapped_pickle(tmp_path, members):
    trace = tmp_path / "trace"
    pickled = pickle.dumps(Trace(trace)).hex()
    bad = entry("TorchModuleWrapper", module=pickled)
    with pytest.raises(ModelFileError, match="Unknown layer 'TorchModuleWrapper'"):
        load_model(packed(tmp_path / "m.keras", with_layer(members, bad)))
    buffer = io.BytesIO()
    np.savez(buffer, w=np.array([Trace(trace)], dtype=object))
    bad_weights = {**members, "model.weights.npz": buffer.getvalue()}
    del bad_weights["model.weights.h5"]
    with pytest.raises(ModelFileError, match=r"no member 'model\.weights\.h5'"):
        load_model(packed(tmp_path / "m.keras", bad_weights))
    assert not trace.exists()


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
@pytest.mark.parametrize("where", ["file", "http://127.0.0.1:9/words"])
def test_cve_2025_12058_a_vocabulary_from_elsewhere(tmp_path, members, name, where):
    secret = tmp_path / "secret"
    secret.write_text("1\n2\n")
    bad = entry(name, vocabulary=str(secret) if where == "file" else where)
    with pytest.raises(ModelFileError, match="No file is read on a configuration's word"):
        load_model(packed(tmp_path / "m.keras", with_layer(members, bad)))


def test_cve_2025_12638_an_archive_that_leaves_its_folder(tmp_path):
    inside = tmp_path / "inside"
    archive = tmp_path / "data.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("../outside.txt")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"harm"))
    with pytest.raises(ValueError, match="outside"):  # what get_file unpacks with
        unpack(archive, inside)
    assert not list(tmp_path.rglob("outside.txt"))


def with_weights(members, make):
    """The members with a weights file that `make` wrote into."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        make(file)
    return {**members, "model.weights.h5": buffer.getvalue()}


def good_groups(file):
    for index, shape in ((0, (4, 3)), (1, (3, 2))):
        name = f"layers/dense_{index}" if index else "layers/dense"
        group = file.create_group(f"{name}/vars")
        group["0"] = np.zeros(shape, np.float32)
        if index:
            group["1"] = np.zeros(2, np.float32)
    return file["layers/dense/vars"]


def refused(tmp_path, members, make, message):
    path = packed(tmp_path / "m.keras", with_weights(members, make))
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match=message):
            load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_cve_2026_0897_a_shape_that_is_only_claimed(tmp_path, members, compression):
    def make(file):
        good_groups(file).create_dataset(
            "1", shape=(2**30, 2**20), dtype="f4", chunks=(2**10, 2**10), compression=compression
        )

    refused(tmp_path, members, make, "compressed, or in pieces")


def test_cve_2026_0897_a_contiguous_shape_that_is_only_claimed(tmp_path, members):
    def make(file):
        good_groups(file).create_dataset("1", shape=(2**40,), dtype="f8")  # late allocation: empty

    refused(tmp_path, members, make, "claims 8,796,093,022,208 bytes .* and 0 are there")


def test_cve_2026_1669_numbers_of_another_file(tmp_path, members):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(12)))

    def make(file):
        good_groups(file).create_dataset(
            "1", shape=(3,), dtype="f4", external=[(str(secret), 0, 12)]
        )

    refused(tmp_path, members, make, "in another file")


def test_cve_2026_1462_a_saved_graph(tmp_path, members):
    bad = entry("TFSMLayer", filepath=str(tmp_path), call_endpoint="serve")
    with pytest.raises(ModelFileError, match="Unknown layer 'TFSMLayer'"):
        load_model(packed(tmp_path / "m.keras", with_layer(members, bad)))


@pytest.mark.parametrize(
    "name", ["../out", "assets/../../out", "/etc/out", "assets\\..\\..\\out", "C:/out"]
)
def test_cve_2026_12479_names_that_lead_out_of_the_archive(tmp_path, members, name):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = packed(folder / "m.keras", {**members, name: b"harm"})
    with pytest.raises(ModelFileError, match="leads out of the archive"):
        load_model(path)
    assert not list(tmp_path.rglob("out"))


# What else can be thought of


def test_links_to_elsewhere(tmp_path, members):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["w"] = np.zeros(3, np.float32)

    def soft(file):
        good_groups(file)["1"] = h5py.SoftLink("/layers/dense_1/vars/1")

    def external(file):
        good_groups(file)["1"] = h5py.ExternalLink(str(other), "/w")

    def group(file):
        good_groups(file)
        file["layers/dense_2"] = h5py.SoftLink("/layers/dense")

    for make in (soft, external, group):
        refused(tmp_path, members, make, "is a link to elsewhere")


def test_a_dataset_of_other_datasets(tmp_path, members):
    def make(file):
        source = h5py.VirtualSource(str(tmp_path / "other.h5"), "w", shape=(3,))
        layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
        layout[:] = source
        good_groups(file).create_virtual_dataset("1", layout)

    refused(tmp_path, members, make, "put together of other datasets|is compressed")


@pytest.mark.parametrize(
    "value",
    [
        np.array([b"abc"]),
        np.zeros(3, "f4,i4"),
        np.zeros(3, "c8"),
        h5py.Empty("f4"),
        ["text"],
    ],
    ids=["bytes", "compound", "complex", "empty", "strings"],
)
def test_what_is_no_plain_number(tmp_path, members, value):
    def make(file):
        good_groups(file)["1"] = value

    refused(tmp_path, members, make, "not of plain numbers|has no shape")


def test_a_named_type_among_the_groups(tmp_path, members):
    def make(file):
        good_groups(file)
        file["layers/type"] = np.dtype("f4")

    refused(tmp_path, members, make, "neither a group nor a dataset")


def test_many_datasets_of_the_same_bytes(tmp_path, members):
    def make(file):
        big = file.create_dataset("big", data=np.zeros(2**14, np.float32))
        for i in range(20):
            file[f"again_{i}"] = big

    refused(tmp_path, members, make, "and those before claim")


def test_a_loop_of_groups(tmp_path, members):
    def make(file):
        good_groups(file)
        file["layers/loop"] = file["layers"]

    refused(tmp_path, members, make, "nested more than 64 deep|more than 200,000")


def test_a_zip_bomb(tmp_path, members):
    bomb = {**members, "assets/zeros": bytes(2**24)}
    path = packed(tmp_path / "m.keras", bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**16
    with pytest.raises(ModelFileError, match=r"claims 16,777,216 bytes for 'assets/zeros'"):
        load_model(path)


def test_deflated_members_are_fine(tmp_path, members):
    path = packed(tmp_path / "m.keras", members, compression=zipfile.ZIP_DEFLATED)
    assert load_model(path).count_params() == 23


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(tmp_path, members, compression):
    path = packed(tmp_path / "m.keras", members, compression=compression)
    with pytest.raises(ModelFileError, match="neither stored nor deflated"):
        load_model(path)


def test_two_members_of_one_name(tmp_path, members):
    path = packed(tmp_path / "m.keras", members)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", b"{}")
    with pytest.raises(ModelFileError, match="some of one name"):
        load_model(path)


def test_configurations_that_are_too_deep_or_too_large(tmp_path, members, monkeypatch):
    for depth in (10**5, 500):
        deep = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        with pytest.raises(ModelFileError, match="deep"):
            load_model(packed(tmp_path / "m.keras", {**members, "config.json": deep}))
    monkeypatch.setattr("minidl.saving.archive.MAX_CONFIG", 1000)
    with pytest.raises(ModelFileError, match="more than 1,000"):
        load_model(packed(tmp_path / "m.keras", members))


@pytest.mark.parametrize(
    "bad",
    [
        entry("Dense", units=10**12),
        entry("Embedding", input_dim=10**9, output_dim=10**6),
        entry("Conv2D", filters=10**7, kernel_size=10**4),
    ],
    ids=["dense", "embedding", "convolution"],
)
def test_a_layer_larger_than_the_file(tmp_path, members, bad):
    path = packed(tmp_path / "m.keras", with_layer(members, bad))
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError):
            load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_a_user_s_class_is_found_by_its_whole_name_alone(tmp_path, members):
    class Dense(layers.Dense):
        pass

    bad = entry("Dense", "shop.layers", "shop>Dense", units=3)
    path = packed(tmp_path / "m.keras", with_layer(members, bad))
    with pytest.raises(ModelFileError, match=r"custom_objects={'shop>Dense': Dense}"):
        load_model(path)
    assert isinstance(load_model(path, {"shop>Dense": Dense}).layers[0], Dense)


def test_h5_files_alone_are_looked_through_as_well(tmp_path):
    one = model()
    path = tmp_path / "m.weights.h5"
    one.save_weights(path)
    with h5py.File(path, "a") as file:
        file["layers/other"] = h5py.ExternalLink("/etc/hosts", "/")
    before = one.get_weights()
    with pytest.raises(ModelFileError, match="link to elsewhere"):
        one.load_weights(path)
    for a, b in zip(before, one.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_written_here_is_not_refused():
    """The limits leave room: a file of many layers and of large ones."""
    deep = Sequential([Input((4,)), *(layers.Dense(4) for _ in range(300))])
    content = minidl.saving.state.weights_file(deep)
    with hdf5.WeightsReader(content, "deep") as reader:
        assert len(reader.paths()) == 300
