"""TensorBoard's event files: numbers, histograms, pictures and a graph as its protocol buffers.

The buffers and the file format are those of the package `tensorboard`; only this module needs it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl._typing import Array

if TYPE_CHECKING:
    from minidl.utils.diagram import Box, Diagram

BUCKETS = 30  # in a histogram: what TensorBoard's own summaries have
PICTURES = 3  # of one weight at most, likewise


def require_tensorboard() -> None:
    """Raise an error that says what to install, where `tensorboard` is missing.

    Raises:
        ImportError: if it is.
    """
    try:
        import tensorboard.compat.proto.event_pb2  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Event files need the package tensorboard, which is not installed: "
            'pip install "minidl[tensorboard]". TensorFlow is not needed.'
        ) from error


class EventFile:
    """A new event file in a folder, which TensorBoard reads while it grows.

    Arguments:
        folder: where the file goes; it is made where it does not exist.

    Raises:
        ImportError: if `tensorboard` is not installed.
        OSError: if nothing can be written there.
    """

    def __init__(self, folder: str) -> None:
        require_tensorboard()
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        try:
            self._writer = EventFileWriter(folder)
        except OSError as error:
            raise OSError(
                f"TensorBoard: nothing can be written to the folder {folder!r} ({error}). Give a "
                "log_dir that is a folder, or can become one, and that you may write to."
            ) from error

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """Write a number; of an array each entry, as `tag/0`, `tag/1` and so on."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        values = np.asarray(value)
        for at, entry in np.ndenumerate(values):
            name = "/".join([tag, *map(str, at)])
            with np.errstate(over="ignore"):  # it is written as float32
                self._add(scalar_pb(name, entry), step)

    def histogram(self, tag: str, values: Array, step: int) -> None:
        """Write how the numbers in an array are spread; those that are not finite are left out."""
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.histogram.metadata import create_summary_metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        summary = Summary()
        summary.value.add(
            tag=tag,
            metadata=create_summary_metadata(display_name=None, description=None),
            tensor=make_tensor_proto(buckets(values)),
        )
        self._add(summary, step)

    def images(self, tag: str, images: Array, step: int) -> None:
        """Write the first few gray images.

        Arguments:
            images: (images, height, width), numbers of any size. The least is black, the greatest
                white.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.plugins.image.metadata import create_summary_metadata

        _, height, width = images.shape
        pngs = [_png(image) for image in images[:PICTURES]]
        entries = [str(width).encode(), str(height).encode(), *pngs]
        tensor = TensorProto(dtype="DT_STRING", string_val=entries)
        tensor.tensor_shape.dim.add(size=len(entries))
        summary = Summary()
        summary.value.add(
            tag=tag,
            metadata=create_summary_metadata(display_name=None, description=None),
            tensor=tensor,
        )
        self._add(summary, step)

    def graph(self, model: Any) -> None:
        """Write the layers of a model and what each gets from which."""
        from tensorboard.compat.proto.event_pb2 import Event

        from minidl.utils.diagram import diagram

        graph = _graph_def(diagram(model, expand_nested=True))
        self._writer.add_event(Event(wall_time=time.time(), graph_def=graph.SerializeToString()))

    def _add(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def flush(self) -> None:
        """See that everything so far is in the file."""
        self._writer.flush()

    def close(self) -> None:
        """Write the rest and close the file."""
        self._writer.close()


def buckets(values: Array) -> Array:
    """Return the rows (left edge, right edge, count) of a histogram.

    Equal numbers all fall into the last bucket, as in TensorBoard's own histograms.

    >>> buckets(np.array([0.0, 0.1, 3.0])).shape
    (30, 3)
    """
    values = np.asarray(values, dtype=np.float64).reshape(-1)
    values = values[np.isfinite(values)]
    rows = np.zeros((BUCKETS, 3))
    if not values.size:
        return rows
    low, high = values.min(), values.max()
    if low == high:
        rows[:, :2] = low
        rows[-1, 2] = values.size
        return rows
    counts, edges = np.histogram(values, BUCKETS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def _png(image: Array) -> bytes:
    import io

    from PIL import Image  # which tensorboard itself requires

    image = np.nan_to_num(np.asarray(image, np.float64))
    low, high = image.min(), image.max()
    gray = (image - low) * (255 / (high - low)) if high > low else np.zeros_like(image)
    file = io.BytesIO()
    Image.fromarray(np.round(gray).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def _graph_def(drawn: Diagram) -> Any:
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    graph = GraphDef(versions=VersionDef(producer=22))
    _add_boxes(graph, drawn, "", {})
    return graph


def _add_boxes(
    graph: Any, drawn: Diagram, scope: str, given: dict[Box, list[str]]
) -> dict[Box, list[str]]:
    """Add the nodes of a model and return, for each box, the names of its outputs' nodes.

    Arguments:
        scope: what a nested model's nodes have before their names.
        given: for an inner model's input boxes, the nodes that their tensors come from.
    """
    made: dict[Box, list[str]] = {}
    for box in drawn.boxes:
        edges = sorted((e for e in drawn.edges if e.target is box), key=lambda edge: edge.input)
        sources = [made[edge.source][edge.output] for edge in edges] + given.get(box, [])
        name = scope + (f"{box.layer.name}_{box.call}" if box.call else box.layer.name)
        if box.inner is not None:
            entries: dict[Box, list[str]] = {}
            for edge in edges:
                entry = box.inner.inputs[edge.input]
                entries.setdefault(entry, []).append(made[edge.source][edge.output])
            inner = _add_boxes(graph, box.inner, f"{name}/", entries)
            made[box] = [inner[source][output] for source, output in box.inner.outputs]
            continue
        node = graph.node.add(name=name, op=type(box.layer).__name__, input=sources)
        for shape in box.output_shapes:
            sizes = node.attr["_output_shapes"].list.shape.add()
            for size in shape:
                sizes.dim.add(size=-1 if size is None else size)
        made[box] = [name if not at else f"{name}:{at}" for at in range(_outputs(drawn, box))]
    return made


def _outputs(drawn: Diagram, box: Box) -> int:
    """Return how many outputs a box has, as far as anyone uses them."""
    used = [edge.output for edge in drawn.edges if edge.source is box]
    used += [output for source, output in drawn.outputs if source is box]
    return max(used, default=0) + 1
