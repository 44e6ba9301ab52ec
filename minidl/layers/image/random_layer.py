"""Random layers for images: what is drawn, and what is then done, are two functions.

In training each image gets draws of its own. At inference nothing is drawn, and nothing done.
"""

from __future__ import annotations

from typing import Any

from minidl._typing import Array, Residuals
from minidl.layers.dtypes import as_float
from minidl.layers.image.image_layer import ImageLayer
from minidl.layers.symbolic import is_symbolic
from minidl.random import SeedGenerator


class RandomImageLayer(ImageLayer):
    """A layer that changes images at random in training.

    A subclass writes `draw`, and the pair `apply` and `apply_backward`: given what was drawn, a
    transformation and its derivative. All three see a batch.
    """

    def __init__(
        self, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def draw(self, shape: tuple[int, ...]) -> Any:
        """Return random parameters for a batch of images of `shape`."""
        raise NotImplementedError

    def apply(self, x: Array, drawn: Any) -> tuple[Array, Residuals]:
        """Return the changed images, and what `apply_backward` will need."""
        raise NotImplementedError

    def apply_backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return the gradient with respect to the images that `apply` took."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute as any layer, but as in training where a direct call does not say: as Keras."""
        inputs = args[0] if args else kwargs.get("inputs")
        if not is_symbolic(inputs) and kwargs.get("training") is None:
            kwargs["training"] = True
        return super().__call__(*args, **kwargs)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Residuals]:
        """Return x changed by new draws in training, else x."""
        x = as_float(x, self.dtype)
        if not training:
            return x, None
        batch = x if x.ndim == 4 else x[None]
        y, residuals = self.apply(batch, self.draw(batch.shape))
        return (y if x.ndim == 4 else y[0]), (residuals, x.ndim)

    def backward(self, residuals: Residuals, dy: Array) -> Array:
        """Return the gradient of what was done in forward."""
        if residuals is None:
            return dy
        of_batch, rank = residuals
        dx = self.apply_backward(of_batch, dy if rank == 4 else dy[None])
        return dx if rank == 4 else dx[0]
