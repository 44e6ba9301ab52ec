"""Images as arrays: reading, writing, resizing, and folders of them.

Reading and writing need Pillow (`pip install "minidl[images]"`); resizing is two matrix products.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minidl import config
from minidl._typing import Array, DType
from minidl.utils.directories import Plan

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_PILLOW = {
    "nearest": "NEAREST",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "hamming": "HAMMING",
    "box": "BOX",
    "lanczos": "LANCZOS",
}


def _pillow(what: str) -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            f'{what} needs Pillow, which is not installed: pip install "minidl[images]"'
        ) from None
    return Image


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Return an image file as a Pillow image.

    Arguments:
        path: of the file, or a `BytesIO`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        target_size: (height, width) to resize it to; None leaves it.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or `"lanczos"`.
        keep_aspect_ratio: whether to cut the middle out in the target's proportions first.

    Raises:
        ValueError: if an argument is not of these.
        ImportError: if Pillow is not installed.
    """
    Image = _pillow("load_img")
    if color_mode not in _MODES:
        raise ValueError(
            f"load_img: received color_mode={color_mode!r}, expected one of {list(_MODES)}."
        )
    if interpolation not in _PILLOW:
        raise ValueError(
            f"load_img: received interpolation={interpolation!r}, expected one of {list(_PILLOW)}."
        )
    data = path.getvalue() if isinstance(path, io.BytesIO) else Path(os.fsdecode(path)).read_bytes()
    with Image.open(io.BytesIO(data)) as opened:
        plain = color_mode == "grayscale" and opened.mode in ("L", "I;16", "I")
        image = opened.copy() if plain else opened.convert(_MODES[color_mode])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        top, left, h, w = _middle(image.height, image.width, height, width)
        box = (left, top, left + w, top + h)
    return image.resize((width, height), getattr(Image.Resampling, _PILLOW[interpolation]), box)


def img_to_array(img: Any, data_format: str | None = None, dtype: DType | None = None) -> Array:
    """Return a Pillow image as an array (height, width, channels).

    Arguments:
        img: the image, or an array of one.
        data_format: `"channels_first"` for (channels, height, width).
        dtype: `config.floatx()` by default.

    Raises:
        ValueError: if the image has neither two nor three axes.

    Example:
        >>> img_to_array(np.zeros((2, 3), "uint8")).shape
        (2, 3, 1)
    """
    x = np.asarray(img, dtype=dtype or config.floatx())
    if x.ndim == 2:
        x = x[:, :, np.newaxis]
    if x.ndim != 3:
        raise ValueError(
            f"img_to_array: received an image of shape {x.shape}, expected (height, width) or "
            "(height, width, channels)."
        )
    return x.transpose(2, 0, 1) if _first("img_to_array", data_format) else x


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: DType | None = None
) -> Any:
    """Return an array (height, width, channels) as a Pillow image.

    Arguments:
        x: one image, with 1, 3 or 4 channels.
        data_format: `"channels_first"` for (channels, height, width).
        scale: whether to spread the values over 0 to 255.
        dtype: to compute in; `config.floatx()` by default.

    Raises:
        ValueError: if the shape is another.
        ImportError: if Pillow is not installed.
    """
    Image = _pillow("array_to_img")
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim == 3 and _first("array_to_img", data_format):
        x = x.transpose(1, 2, 0)
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"array_to_img: received an array of shape {x.shape}, expected (height, width, "
            "channels) with 1, 3 or 4 channels."
        )
    if scale:
        x = x - x.min()
        x = x / (x.max() or 1) * 255
    if x.shape[2] == 1:
        return Image.fromarray(x[:, :, 0].astype("int32" if x.max() > 255 else "uint8"))
    return Image.fromarray(x.clip(0, 255).astype("uint8"))


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array (height, width, channels) as an image file.

    Arguments:
        path: of the file, or a file that is open.
        x, data_format, scale: as in `array_to_img`.
        file_format: such as `"png"`; told from the path's ending by default.
        kwargs: go to Pillow's `save`.

    Raises:
        ValueError: if the array's shape is not an image's.
        ImportError: if Pillow is not installed.
    """
    image = array_to_img(x, data_format, scale)
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = Path(path).suffix[1:]
    kind = {"jpg": "jpeg"}.get((file_format or "").lower(), (file_format or "").lower())
    if image.mode == "RGBA" and kind == "jpeg":
        image = image.convert("RGB")
    image.save(path, format=kind or None, **kwargs)


# Resizing


def resize(image: Array, size: tuple[int, int], interpolation: str = "bilinear") -> Array:
    """Return an image (height, width, channels) in another size, in floats.

    Each row of the result is a weighted mean of rows, and so with columns:

        y = R x Cᵀ   (for each channel),   R[i, j] = k(|(i + ½) H/h − ½ − j|) / Σⱼ k

    with the kernel k of the interpolation. Nothing is smoothed beforehand (no antialiasing).

    Arguments:
        image: the image.
        size: (height, width) of the result.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.

    Raises:
        ValueError: if the interpolation is none of these.

    Example:
        >>> resize(np.array([[[0.0], [4.0]]]), (1, 4))[0, :, 0].tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    x = image.astype(np.result_type(image.dtype, np.float32), copy=False)
    rows = _weights(x.shape[0], size[0], interpolation).astype(x.dtype)
    columns = _weights(x.shape[1], size[1], interpolation).astype(x.dtype)
    tall = np.tensordot(rows, x, axes=(1, 0))
    return np.ascontiguousarray(np.tensordot(columns, tall, axes=(1, 1)).swapaxes(0, 1))


def _cubic(d: Array) -> Array:
    near = ((1.5 * d - 2.5) * d) * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d <= 1, near, np.where(d <= 2, far, 0))


def _lanczos(radius: int) -> Callable[[Array], Array]:
    return lambda d: np.where(d < radius, np.sinc(d) * np.sinc(d / radius), 0)


_KERNELS: dict[str, Callable[[Array], Array]] = {
    "bilinear": lambda d: np.maximum(1 - d, 0),
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}


def _weights(old: int, new: int, interpolation: str) -> Array:
    """Return the matrix (new, old) that makes `new` values out of `old` ones."""
    centers = (np.arange(new) + 0.5) * old / new
    if interpolation == "nearest":
        return np.eye(old)[np.floor(centers).astype(int)]
    weights = _KERNELS[interpolation](np.abs(centers[:, np.newaxis] - 0.5 - np.arange(old)))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _middle(height: int, width: int, new_height: int, new_width: int) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the middle in the proportions of the new size."""
    h = max(1, min(height, width * new_height // new_width))
    w = max(1, min(width, height * new_width // new_height))
    return (height - h) // 2, (width - w) // 2, h, w


def _fitted(
    image: Array, size: tuple[int, int], interpolation: str, crop: bool, pad: bool
) -> Array:
    """Return an image in another size: stretched, cut to its proportions, or padded with zeros."""
    height, width = image.shape[:2]
    if crop:
        top, left, h, w = _middle(height, width, *size)
        image = image[top : top + h, left : left + w]
    elif pad:
        ratio = max(height / size[0], width / size[1])
        h, w = max(1, int(height / ratio)), max(1, int(width / ratio))
        padded = np.zeros((*size, image.shape[2]), np.float32)
        top, left = (size[0] - h) // 2, (size[1] - w) // 2
        padded[top : top + h, left : left + w] = resize(image, (h, w), interpolation)
        return padded
    return resize(image, size, interpolation)


def _first(owner: str, data_format: str | None) -> bool:
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            f"{owner}: received data_format={data_format!r}, expected 'channels_last' or "
            "'channels_first'."
        )
    return data_format == "channels_first"


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return the image files of a folder as batches of arrays and class numbers.

    Files that end in .bmp, .gif (the first picture), .jpeg, .jpg and .png are read.

    Shapes:
        `x (batch, height, width, channels)` in float32, from 0 to 255; `y (batch,)` as int32, or
        (batch, 1) for `"binary"`, or (batch, classes) for `"categorical"`.

    Arguments:
        directory: a folder with a folder for each class.
        labels: `"inferred"` from the folders' names in alphabetical order; None for images alone;
            or a list of class numbers in the order of the files' paths.
        label_mode: `"int"`, `"binary"`, `"categorical"`, or None for images alone.
        class_names: the classes' folders in another order, or some of them.
        color_mode: `"grayscale"` (1 channel), `"rgb"` (3) or `"rgba"` (4).
        batch_size: images in a batch; None gives single images.
        image_size: (height, width) that all are brought to, or one number for both.
        shuffle: whether each epoch has an order of its own; if not, that of the paths.
        seed: of the orders.
        validation_split: the share of the files to validate with, the last ones.
        subset: `"training"`, `"validation"`, or `"both"` for a list of the two datasets.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        follow_links: whether to look into folders that are links.
        crop_to_aspect_ratio: whether to cut the middle out in the new proportions first.
        pad_to_aspect_ratio: whether to keep the proportions and fill up with zeros.
        data_format: `"channels_first"` for (batch, channels, height, width).
        format: is Keras's, and has no effect.
        verbose: whether to print how many files there are.

    Returns:
        A dataset that `fit` takes, with `class_names` and `file_paths`.

    Raises:
        ValueError: if the arguments do not go together, or there is no file.
        ImportError: if Pillow is not installed.
    """
    owner = "image_dataset_from_directory"
    _pillow(owner)
    if color_mode not in CHANNELS:
        raise ValueError(
            f"{owner}: received color_mode={color_mode!r}, expected one of {list(CHANNELS)}."
        )
    kernels = ["nearest", *_KERNELS]
    if interpolation not in kernels:
        raise ValueError(
            f"{owner}: received interpolation={interpolation!r}, expected one of {kernels}."
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            f"{owner}: received crop_to_aspect_ratio and pad_to_aspect_ratio, expected one of them."
        )
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or not all(isinstance(n, int | np.integer) and n > 0 for n in size):
        raise ValueError(
            f"{owner}: received image_size={image_size!r}, expected (height, width) in pixels."
        )
    channels_first = _first(owner, data_format)
    plan = Plan(
        owner,
        directory,
        labels,
        label_mode,
        class_names,
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        format,
        verbose,
    )

    def load(paths: list[str]) -> Array:
        batch = np.empty((len(paths), *size, CHANNELS[color_mode]), np.float32)
        for i, path in enumerate(paths):
            try:
                image = img_to_array(load_img(path, color_mode), dtype="float32")
            except OSError as error:
                raise ValueError(f"{owner}: {path} cannot be read as an image ({error}).") from None
            batch[i] = _fitted(
                image, size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio
            )
        return batch.transpose(0, 3, 1, 2) if channels_first else batch

    return plan.checked().datasets(_ENDINGS, load)
