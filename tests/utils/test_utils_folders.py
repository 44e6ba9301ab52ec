"""Windows of time series, and folders of texts and images as datasets."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from minidl import layers, models, optimizers, utils
from minidl.utils import images, set_random_seed, timeseries_dataset_from_array


def windows(*args, **kwargs):
    """All windows of a dataset, and their targets, in order."""
    kwargs.setdefault("batch_size", None)
    return [x for x in timeseries_dataset_from_array(*args, **kwargs)]


class TestTimeseries:
    @pytest.mark.parametrize(
        ("length", "stride", "rate", "start", "stop"),
        list(itertools.product((1, 3), (1, 4), (1, 2), (None, 2), (None, 11))),
    )
    def test_as_cut_by_hand(self, length, stride, rate, start, stop):
        data, targets = np.arange(14.0), np.arange(12) * 10
        expected = []
        first, last = start or 0, stop or 14
        for s in range(first, last, stride):
            steps = range(s, s + length * rate, rate)
            if steps[-1] < last and s < len(targets):
                expected.append((data[list(steps)].tolist(), int(targets[s])))
        found = windows(data, targets, length, stride, rate, start_index=start, end_index=stop)
        assert [(x.tolist(), int(y)) for x, y in found] == expected

    def test_batches(self):
        data = np.arange(20.0).reshape(10, 2)
        dataset = timeseries_dataset_from_array(data, None, 3, batch_size=5)
        assert len(dataset) == 2
        assert [x.shape for x in dataset] == [(5, 3, 2), (3, 3, 2)]
        assert windows([1, 2, 3], None, 2)[0].tolist() == [1, 2]

    def test_shuffled_anew_each_epoch_and_repeatable(self):
        def starts(seed):
            dataset = timeseries_dataset_from_array(
                np.arange(50), None, 2, batch_size=7, shuffle=True, seed=seed
            )
            return [[int(s) for x in dataset for s in x[:, 0]] for _ in range(2)]

        first, second = starts(3)
        assert first != second
        assert sorted(first) == sorted(second) == list(range(49))
        assert starts(3) == [first, second]
        assert starts(4) != [first, second]

    def test_a_memory_map_is_not_read_whole(self, tmp_path):
        path = tmp_path / "series.npy"
        np.save(path, np.arange(100))
        data = np.load(path, mmap_mode="r")
        dataset = timeseries_dataset_from_array(data[:-3], data[3:], 3, batch_size=10)
        x, y = next(iter(dataset))
        assert not isinstance(x, np.memmap)
        assert y.tolist() == list(range(3, 13))

    def test_fit(self):
        set_random_seed(0)
        series = np.sin(np.arange(300) / 5).astype("float32")
        data = timeseries_dataset_from_array(series[:-8], series[8:], 8, shuffle=True, seed=0)
        model = models.Sequential([layers.Input((8,)), layers.Dense(1)])
        model.compile("adam", "mse")
        losses = model.fit(data, epochs=15, verbose=0).history["loss"]
        assert losses[-1] < 0.5 * losses[0]
        assert model.predict(timeseries_dataset_from_array(series, None, 8)).shape == (293, 1)

    def test_errors(self):
        x = np.arange(10)
        with pytest.raises(ValueError, match=r"reaches over 11 steps, and there are 10"):
            timeseries_dataset_from_array(x, None, 6, sampling_rate=2)
        with pytest.raises(ValueError, match="and 0 targets"):
            timeseries_dataset_from_array(x, x[:0], 2)
        for name in ("sequence_length", "sequence_stride", "sampling_rate", "batch_size"):
            with pytest.raises(ValueError, match=f"{name}=0"):
                timeseries_dataset_from_array(x, None, **{"sequence_length": 2, name: 0})
        with pytest.raises(ValueError, match="end_index=11, expected an integer from 0 to 10"):
            timeseries_dataset_from_array(x, None, 2, end_index=11)
        with pytest.raises(ValueError, match="format='csv'"):
            timeseries_dataset_from_array(x, None, 2, format="csv")


@pytest.fixture
def texts(tmp_path):
    root = tmp_path / "texts"
    for folder, names in (("bad", "abc"), ("good", "xy"), (".hidden", "h")):
        for name in names:
            path = root / folder / ("deep" if name == "c" else "") / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{folder} {name} é", encoding="utf-8")
    (root / "bad" / "notes.md").write_text("no sample")
    (root / "loose.txt").write_text("no sample either")
    return root


def read(dataset):
    return [(str(x), y.tolist()) for batch in dataset for x, y in zip(*batch, strict=True)]


class TestTexts:
    def make(self, root, **settings):
        settings = {"shuffle": False, "verbose": False, **settings}
        return utils.text_dataset_from_directory(root, **settings)

    def test_classes_in_order(self, texts, capsys):
        dataset = self.make(texts, batch_size=2, verbose=True)
        assert capsys.readouterr().out == "Found 5 files belonging to 2 classes.\n"
        assert dataset.class_names == ["bad", "good"]
        assert len(dataset) == 3
        assert read(dataset) == [
            ("bad a é", 0), ("bad b é", 0), ("bad c é", 0), ("good x é", 1), ("good y é", 1)
        ]  # fmt: skip
        assert dataset.file_paths[2].endswith("c.txt")
        x, y = next(iter(dataset))
        assert x.dtype == object
        assert y.dtype == np.int32

    def test_label_modes(self, texts):
        y = next(iter(self.make(texts, label_mode="binary")))[1]
        assert y.tolist() == [[0], [0], [0], [1], [1]]
        assert y.dtype == np.float32
        y = next(iter(self.make(texts, label_mode="categorical")))[1]
        assert y[2:4].tolist() == [[1, 0], [0, 1]]
        x = next(iter(self.make(texts, label_mode=None)))
        assert isinstance(x, np.ndarray)
        first = next(iter(self.make(texts, labels=None, batch_size=None)))
        assert first == "no sample either"  # without classes all files count

    def test_own_labels_and_names(self, texts):
        # Without folders as classes the loose file counts, and comes first; so do hidden ones.
        dataset = self.make(texts, labels=[5, 6, 7, 5, 6, 7, 5], batch_size=7)
        assert dataset.class_names == ["5", "6", "7"]
        assert read(dataset)[0] == ("no sample either", 5)
        dataset = self.make(texts, class_names=["good", "bad"])
        assert read(dataset)[0] == ("good x é", 0)
        assert [name for name, _ in read(self.make(texts, class_names=["good"]))] == [
            "good x é", "good y é"
        ]  # fmt: skip

    def test_cut_between_letters(self, texts):
        assert read(self.make(texts, max_length=3))[0][0] == "bad"
        assert read(self.make(texts, max_length=7))[0][0] == "bad a "

    def test_parts_do_not_overlap(self, texts):
        settings = {"shuffle": True, "seed": 5, "validation_split": 0.4}
        train = read(self.make(texts, subset="training", **settings))
        held_out = read(self.make(texts, subset="validation", **settings))
        assert len(train) == 3
        assert len(held_out) == 2
        assert not set(t for t, _ in train) & set(t for t, _ in held_out)
        assert all((text.split()[0] == "good") == label for text, label in train + held_out)
        both = self.make(texts, subset="both", **settings)
        assert sorted(read(both[0])) == sorted(train)
        assert read(both[1]) == read(both[1])  # the part to validate with keeps its order

    def test_errors(self, texts, tmp_path):
        make = self.make
        with pytest.raises(ValueError, match="is no folder"):
            make(tmp_path / "nowhere")
        with pytest.raises(ValueError, match=r"no file that ends in \.txt"):
            make(texts / "bad" / "deep")
        with pytest.raises(ValueError, match="label_mode='onehot', expected one of"):
            make(texts, label_mode="onehot")
        with pytest.raises(ValueError, match=r"class_names with \['ugly'\]"):
            make(texts, class_names=["bad", "ugly"])
        with pytest.raises(ValueError, match="Names go with labels='inferred' alone"):
            make(texts, labels=None, class_names=["bad"])
        with pytest.raises(ValueError, match="2 labels for 7 files"):
            make(texts, labels=[1, 2])
        with pytest.raises(ValueError, match="labels of type str"):
            make(texts, labels="infered")
        with pytest.raises(ValueError, match="expected both or neither"):
            make(texts, validation_split=0.2)
        with pytest.raises(ValueError, match="the same seed"):
            make(texts, validation_split=0.2, subset="training", shuffle=True)
        with pytest.raises(ValueError, match="leaves one part of 5 files empty"):
            make(texts, validation_split=0.1, subset="training", seed=1)
        with pytest.raises(ValueError, match="goes with two classes"):
            make(texts, class_names=["bad"], label_mode="binary")


@pytest.fixture
def pictures(tmp_path):
    root = tmp_path / "pictures"
    for folder, color in (("blue", (0, 0, 200)), ("red", (200, 0, 0))):
        (root / folder).mkdir(parents=True)
        for i, ending in enumerate(("png", "jpg", "bmp", "gif")):
            Image.new("RGB", (8, 6 + i), color).save(root / folder / f"{i}.{ending}")
    return root


class TestImages:
    def make(self, root, **settings):
        settings = {"shuffle": False, "verbose": False, "image_size": 4, **settings}
        return utils.image_dataset_from_directory(root, **settings)

    def test_batches(self, pictures):
        x, y = next(iter(self.make(pictures)))
        assert x.shape == (8, 4, 4, 3)
        assert x.dtype == np.float32
        assert y.tolist() == [0] * 4 + [1] * 4
        np.testing.assert_allclose(x[0], np.broadcast_to([0, 0, 200], (4, 4, 3)), atol=1e-4)
        assert self.make(pictures).class_names == ["blue", "red"]
        x, _ = next(iter(self.make(pictures, image_size=(5, 7), data_format="channels_first")))
        assert x.shape == (8, 3, 5, 7)
        for mode, channels in (("grayscale", 1), ("rgba", 4)):
            x, _ = next(iter(self.make(pictures, color_mode=mode, batch_size=3)))
            assert x.shape == (3, 4, 4, channels)

    def test_fit(self, pictures):
        set_random_seed(1)
        data = self.make(pictures, shuffle=True, seed=0, label_mode="binary", batch_size=4)
        model = models.Sequential(
            [
                layers.Input((4, 4, 3)),
                layers.Rescaling(1 / 255),
                layers.Flatten(),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        adam = optimizers.Adam(0.05)
        model.compile(adam, "binary_crossentropy", metrics=["accuracy"])
        model.fit(data, epochs=15, verbose=0)
        assert model.evaluate(data, verbose=0, return_dict=True)["accuracy"] == 1.0

    def test_proportions(self, tmp_path):
        # A wide picture, dark at both sides: cut it is bright alone, padded it has black above.
        picture = np.zeros((10, 20, 3), np.uint8)
        picture[:, 5:15] = 100
        (tmp_path / "a").mkdir()
        Image.fromarray(picture).save(tmp_path / "a" / "1.png")
        x = next(iter(self.make(tmp_path, labels=None, crop_to_aspect_ratio=True)))[0]
        assert (x == 100).all()
        x = next(iter(self.make(tmp_path, labels=None, pad_to_aspect_ratio=True)))[0]
        assert x[:, 2, 0].tolist() == [0, 100, 100, 0]

    def test_errors(self, pictures):
        with pytest.raises(ValueError, match="color_mode='hsv'"):
            self.make(pictures, color_mode="hsv")
        with pytest.raises(ValueError, match="interpolation='area', expected one of"):
            self.make(pictures, interpolation="area")
        with pytest.raises(ValueError, match=r"image_size=\(0, 4\)"):
            self.make(pictures, image_size=(0, 4))
        with pytest.raises(ValueError, match="expected one of them"):
            self.make(pictures, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
        with pytest.raises(ValueError, match="data_format='nchw'"):
            self.make(pictures, data_format="nchw")
        (pictures / "red" / "0.png").write_bytes(b"no picture")
        with pytest.raises(ValueError, match=r"0\.png cannot be read as an image"):
            list(self.make(pictures))

    def test_without_pillow(self, pictures, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "PIL", None)
        with pytest.raises(ImportError, match=r"pip install \"minidl\[images\]\""):
            self.make(pictures)


class TestSingleImages:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_there_and_back(self, tmp_path, channels):
        x = np.random.default_rng(0).integers(0, 256, (5, 7, channels)).astype("float32")
        path = tmp_path / "a.png"
        utils.save_img(path, x, scale=False)
        mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
        image = utils.load_img(path, color_mode=mode)
        assert image.size == (7, 5)
        np.testing.assert_array_equal(utils.img_to_array(image), x)
        first = utils.img_to_array(image, data_format="channels_first", dtype="float64")
        assert first.shape == (channels, 5, 7)
        assert first.dtype == np.float64
        back = utils.img_to_array(utils.array_to_img(first, "channels_first", scale=False))
        np.testing.assert_array_equal(back, x)

    def test_scaled(self):
        image = utils.array_to_img([[[-1.0], [1.0]]])
        assert utils.img_to_array(image).ravel().tolist() == [0, 255]
        assert utils.img_to_array(utils.array_to_img(np.ones((1, 2, 3)))).max() == 0

    def test_jpeg_has_no_transparency(self, tmp_path):
        utils.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
        assert utils.load_img(tmp_path / "a.jpg").mode == "RGB"

    def test_sizes(self, tmp_path):
        stream = io.BytesIO()
        utils.save_img(stream, np.zeros((4, 8, 3)), file_format="png")
        assert utils.load_img(stream, target_size=(3, 5)).size == (5, 3)
        assert utils.load_img(stream, target_size=(2, 2), keep_aspect_ratio=True).size == (2, 2)

    def test_errors(self, tmp_path):
        with pytest.raises(ValueError, match="color_mode='cmyk'"):
            utils.load_img(tmp_path / "a", color_mode="cmyk")
        with pytest.raises(ValueError, match="interpolation='lanczos3'"):
            utils.load_img(tmp_path / "a", interpolation="lanczos3")
        with pytest.raises(ValueError, match=r"shape \(2, 2, 2\)"):
            utils.array_to_img(np.zeros((2, 2, 2)))
        with pytest.raises(ValueError, match=r"shape \(4,\)"):
            utils.img_to_array(np.zeros(4))


class TestResize:
    @pytest.mark.parametrize("kind", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
    def test_same_size_and_flat_images(self, kind):
        x = np.random.default_rng(0).random((5, 6, 2))
        np.testing.assert_allclose(images.resize(x, (5, 6), kind), x, atol=1e-12)
        np.testing.assert_allclose(images.resize(np.ones((3, 4, 1)), (7, 2), kind), 1, atol=1e-12)
        assert images.resize(x.astype("float32"), (2, 2), kind).dtype == np.float32
        assert images.resize(np.zeros((2, 2, 1), np.uint8), (3, 3), kind).dtype == np.float32
