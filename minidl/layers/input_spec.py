"""What a layer expects of its input's shape, and the message when it gets something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidl._typing import Shape

if TYPE_CHECKING:
    from minidl.layers.layer import Layer


class InputSpec:
    """Rank and sizes that a layer expects. Axis 0 is the batch.

    Arguments:
        ndim: the exact number of axes.
        min_ndim: the least number of axes.
        max_ndim: the greatest number of axes.
        axes: sizes by axis; negative axes count from the end.

    Example:
        >>> InputSpec(min_ndim=2, axes={-1: 784})
        InputSpec(min_ndim=2, axes={-1: 784})
    """

    def __init__(
        self,
        ndim: int | None = None,
        min_ndim: int | None = None,
        max_ndim: int | None = None,
        axes: dict[int, int] | None = None,
    ) -> None:
        self.ndim = ndim
        self.min_ndim = min_ndim
        self.max_ndim = max_ndim
        self.axes = axes or {}

    def complaint(self, shape: Shape) -> str | None:
        """Return what is wrong with `shape`, or None."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"expected {self.ndim} axes, the batch axis included, and got {rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return (
                f"expected at least {self.min_ndim} axes, the batch axis included, and got {rank}"
            )
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected at most {self.max_ndim} axes, the batch axis included, and got {rank}"
        for axis, size in self.axes.items():
            if not -rank <= axis < rank:
                return f"expected an axis {axis}, and it has only {rank} axes"
            if shape[axis] is not None and shape[axis] != size:
                return f"expected size {size} on axis {axis}, and got {shape[axis]}"
        return None

    def __repr__(self) -> str:
        given = {k: v for k, v in vars(self).items() if v not in (None, {})}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in given.items())})"


def check_input(layer: Layer, shapes: Any) -> None:
    """Compare a layer's input shape with its `input_spec`.

    Raises:
        ValueError: if they do not agree; the message has the layer's name and both shapes.
    """
    spec = layer.input_spec
    if spec is None:
        return
    if isinstance(shapes, list | dict):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) received {len(shapes)} inputs, "
            "expected one array. Join them first, for instance with layers.Concatenate()."
        )
    complaint = spec.complaint(shapes)
    if complaint:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) received an input of shape "
            f"{tuple(shapes)}: {complaint}. Reshape the data, or build the layer for this shape."
        )
