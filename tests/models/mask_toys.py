"""Small layers that make a mask, use it, or take tensors besides their first."""

import numpy as np

from minidl import layers


class Lookup(layers.Layer):
    """A row of a table for each index; index 0 is masked."""

    def build(self, input_shape):
        self.table = self.add_weight((7, 3), name="table")

    def forward(self, x, training=False):
        return self.table.value[x], x

    def backward(self, x, dy):
        self.table.grad[...] = 0
        np.add.at(self.table.grad, x, dy)

    def compute_mask(self, inputs, mask=None):
        return inputs != 0

    def compute_output_shape(self, input_shape):
        return (*input_shape, 3)


class MeanOverTime(layers.Layer):
    """The mean over the time steps that count; all of them without a mask."""

    makes_mask = False

    def forward(self, x, training=False, mask=None):
        weights = np.ones(x.shape[:2], x.dtype) if mask is None else mask.astype(x.dtype)
        weights = weights / weights.sum(axis=1, keepdims=True)
        return (x * weights[..., np.newaxis]).sum(axis=1), weights

    def backward(self, weights, dy):
        return weights[..., np.newaxis] * dy[:, np.newaxis]

    def compute_mask(self, inputs, mask=None):
        return None


class Zeroed(layers.Layer):
    """Zeros where the mask is False; the mask goes on."""

    supports_masking = True

    def forward(self, x, training=False, mask=None):
        kept = np.ones(x.shape[:2], x.dtype) if mask is None else mask.astype(x.dtype)
        return x * kept[..., np.newaxis], kept

    def backward(self, kept, dy):
        return dy * kept[..., np.newaxis]


class Accumulate(layers.Layer):
    """Running sums over time that begin at a start, where one is given; gives the last sum too."""

    makes_mask = False

    def pack_inputs(self, args, kwargs):
        kwargs = dict(kwargs)
        start = kwargs.pop("start", None)
        inputs, options = super().pack_inputs(args, kwargs)
        return (inputs if start is None else [inputs, start]), options

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.scale = self.add_weight((shape[-1],), initializer="ones", name="scale")

    def forward(self, x, training=False, mask=None):
        start = x[1][:, np.newaxis] if isinstance(x, list) else 0
        steps = x[0] if isinstance(x, list) else x
        mask = mask[0] if isinstance(mask, list) else mask
        kept = np.ones(steps.shape[:2]) if mask is None else mask
        kept = kept.astype(steps.dtype)[..., np.newaxis]
        sums = np.cumsum(steps * kept * self.scale.value, axis=1) + start
        return [sums, sums[:, -1]], (steps, kept, isinstance(x, list))

    def backward(self, residuals, dy):
        steps, kept, started = residuals
        dsums = np.zeros_like(steps) if dy[0] is None else dy[0].copy()
        if dy[1] is not None:
            dsums[:, -1] += dy[1]
        dterms = np.flip(np.cumsum(np.flip(dsums, 1), axis=1), 1) * kept
        self.scale.grad = (dterms * steps).sum(axis=(0, 1))
        dx = dterms * self.scale.value
        return [dx, dsums.sum(axis=1)] if started else dx

    def compute_mask(self, inputs, mask=None):
        first = mask[0] if isinstance(mask, list) else mask
        return [first, None]

    def compute_output_shape(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        return [shape, (shape[0], shape[-1])]
