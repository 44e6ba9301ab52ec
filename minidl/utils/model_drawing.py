"""Pictures of models: layers as boxes, tensors as arrows, nested models as frames.

`model_boxes` puts everything in its place, and this module draws it with matplotlib; no program and
no package for graphs is needed. `model_to_dot` writes the same for those who have Graphviz.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

from minidl.utils.diagram import Box, Diagram, diagram
from minidl.utils.figures import new_figure
from minidl.utils.model_boxes import (
    BELOW,
    COLUMN,
    FACT_HEIGHT,
    FACT_SIZE,
    SIDE,
    TITLE_HEIGHT,
    TITLE_SIZE,
    Arrangement,
    Look,
    Point,
    Route,
    arrange,
    facts_widths,
    title_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIRECTIONS = ("TB", "BT", "LR", "RL")
SPLINES = ("ortho", "curved", "spline", "line", "polyline")
MOST_PIXELS = 60_000  # along one side of a picture: matplotlib draws no more than 65,535
MARGIN = 12.0
ROUND = 4.0  # the radius of corners
HEAD = (6.0, 2.6)  # of an arrow: its length, and half its width

INK, FAINT, LINE, EDGE = "#1d2733", "#65727f", "#5a6775", "#9aa5b1"
FRAMES = ("#f6f7f9", "#eceff3")  # nested models, and those within them, in turn
COLORS = {
    "input_layer": "#dfe3e8",
    "dense": "#cfe0f7",
    "embedding": "#cfe0f7",
    "convolutional": "#cdebdc",
    "pooling": "#dff0cf",
    "recurrent": "#fbe3c8",
    "attention": "#e6d8f5",
    "activation_layers": "#fbd5d5",
    "prelu": "#fbd5d5",
    "normalization": "#f8efc4",
    "dropout": "#ededed",
    "noise": "#ededed",
    "merging": "#f5d9ea",
    "concatenate": "#f5d9ea",
    "dot": "#f5d9ea",
}
"""The color of a layer's title by the module it is from."""
OTHER = "#e6ebe4"
FROZEN = "#b3402f"


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Figure:
    """Draw a model as a diagram of its layers, without Graphviz.

    A layer that is shared is one box with several arrows. A model that computes by itself, without
    a graph of layers, is one box.

    Arguments:
        model: a model that is built.
        to_file: where to save the picture; `.png`, `.svg` and `.pdf` among others, PNG where the
            name has no ending. None saves nothing.
        show_shapes: whether boxes have the shapes of what goes in and comes out.
        show_dtype: whether they have the dtype of what comes out.
        show_layer_names: whether they have the layer's name, and not its class alone.
        rankdir: where the arrows go: `"TB"` downwards, `"LR"` to the right, `"BT"`, `"RL"`.
        expand_nested: whether nested models are drawn as frames with their layers.
        dpi: dots per inch of a PNG; fewer where the picture would be too large.
        show_layer_activations: whether boxes have the layer's activation.
        show_trainable: whether they say if the layer is trained.
        splines: arrows with right angles (`"ortho"`), bent ones (`"curved"`, `"spline"`) or
            straight ones (`"line"`, `"polyline"`).

    Returns:
        A matplotlib figure, which a notebook shows.

    Raises:
        ValueError: if the model is not built, or an argument is not one of those above.
        ImportError: if matplotlib is not installed.

    Example:
        >>> from minidl import layers, models
        >>> model = models.Sequential([layers.Input((4,)), layers.Dense(3), layers.ReLU()])
        >>> figure = plot_model(model, to_file=None, show_shapes=True)
        >>> [text.get_text() for text in figure.axes[0].texts][:3]
        ['InputLayer', 'output', '(batch, 4)']
    """
    check(rankdir, splines, kwargs, "plot_model")
    look = Look(
        *(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable),
        *(rankdir, splines),
    )
    drawn = diagram(model, expand_nested)
    path = None if to_file is None else os.fspath(to_file)
    if path is not None and not os.path.splitext(path)[1]:
        path += ".png"
    figure = _Drawing(drawn, look).figure
    figure.set_dpi(min(dpi, MOST_PIXELS / max(figure.get_size_inches())))
    if path is not None:
        figure.savefig(path, dpi=figure.get_dpi())
    return figure


def check(rankdir: str, splines: str, kwargs: dict[str, Any], owner: str) -> None:
    """See that there are such arrows.

    Raises:
        ValueError: if not, or if there are further arguments.
    """
    for name, value, known in (("rankdir", rankdir, DIRECTIONS), ("splines", splines, SPLINES)):
        if value not in known:
            raise ValueError(
                f"{owner}: received {name}={value!r}, expected one of {', '.join(known)}."
            )
    if kwargs:
        raise ValueError(f"{owner}: received unknown arguments: {', '.join(kwargs)}.")


class _Drawing:
    """A figure with a diagram in it; one unit of its axes is a point."""

    def __init__(self, drawn: Diagram, look: Look) -> None:
        self.look = look
        figure = new_figure(1, 1, layout="none")
        placed = arrange(drawn, look)
        self.along = placed.size[1]
        width, height = look.turned(placed.size)
        figure.set_size_inches((width + 2 * MARGIN) / 72, (height + 2 * MARGIN) / 72)
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set_xlim(-MARGIN, width + MARGIN)
        self.axes.set_ylim(height + MARGIN, -MARGIN)
        self.axes.set_axis_off()
        self._draw(placed)
        self.figure = figure

    def _xy(self, point: Point) -> Point:
        across, along = point
        if self.look.rankdir in ("BT", "RL"):
            along = self.along - along
        return self.look.turned((across, along))

    def _draw(self, placed: Arrangement) -> None:
        ends: list[tuple[float, float]] = []  # of the frames that are open, along and across
        for piece in placed.pieces:
            first = self._xy((piece.across, piece.along))
            second = self._xy((piece.across + piece.size[0], piece.along + piece.size[1]))
            left, right = sorted((first[0], second[0]))
            top, bottom = sorted((first[1], second[1]))
            if piece.box.inner is None:
                self._box(piece.box, left, top, right - left, bottom - top)
                continue
            while ends and not (left < ends[-1][0] and top < ends[-1][1]):
                ends.pop()
            self._frame(piece.box, left, top, right - left, bottom - top, len(ends))
            ends.append((right, bottom))
        for route in placed.routes:
            self._arrow(route)

    def _frame(
        self, box: Box, left: float, top: float, width: float, height: float, depth: int
    ) -> None:
        outline = self._rounded(left, top, width, height, FRAMES[depth % 2])
        outline.set_linestyle((0, (4, 3)))
        # An arrow that comes in behind the title stops short of it.
        behind = {"facecolor": FRAMES[depth % 2], "edgecolor": "none", "pad": 1.0}
        self._title(box, left + SIDE, top + TITLE_HEIGHT / 2 + 1, bbox=behind)

    def _box(self, box: Box, left: float, top: float, width: float, height: float) -> None:
        from matplotlib.patches import Rectangle

        facts = self.look.facts(box)
        color = _color(box.layer)
        outline = self._rounded(left, top, width, height, "white" if facts else color)
        if facts:
            strip = Rectangle((left, top), width, TITLE_HEIGHT, facecolor=color, zorder=3)
            self.axes.add_patch(strip)
            strip.set_clip_path(outline)
        title = title_width(self.look.title(box))
        self._title(box, left + (width - title) / 2, top + TITLE_HEIGHT / 2)
        names, values = facts_widths(facts)
        start = left + max(SIDE, (width - names - COLUMN - values) / 2)
        for at, (name, value) in enumerate(facts):
            y = top + TITLE_HEIGHT + BELOW + (at + 0.5) * FACT_HEIGHT
            frozen = (name, value) == ("trainable", "no")
            self._text(start + names, y, name, FAINT, FACT_SIZE, ha="right")
            self._text(start + names + COLUMN, y, value, FROZEN if frozen else INK, FACT_SIZE)

    def _title(self, box: Box, x: float, y: float, **kwargs: Any) -> None:
        bold, rest = self.look.title(box)
        first = self._text(x, y, bold, INK, TITLE_SIZE, weight="bold", **kwargs)
        if rest:  # right behind it, wherever the renderer's rounding has put its end
            self.axes.annotate(
                rest, (1, y), (1, y), (first, "data"), color=FAINT, size=TITLE_SIZE,
                va="center_baseline", zorder=6, parse_math=False, **kwargs,
            )  # fmt: skip

    def _text(self, x: float, y: float, text: str, color: str, size: float, **kwargs: Any) -> Any:
        # A $ in a layer's name is no formula.
        return self.axes.text(
            x, y, text, color=color, size=size, va="center_baseline", zorder=6,
            parse_math=False, **kwargs,
        )  # fmt: skip

    def _rounded(self, left: float, top: float, width: float, height: float, color: str) -> Any:
        from matplotlib.patches import FancyBboxPatch

        patch = FancyBboxPatch(
            (left, top), width, height, boxstyle=f"round,pad=0,rounding_size={ROUND}",
            facecolor=color, edgecolor=EDGE, linewidth=0.9, zorder=2,
        )  # fmt: skip
        return self.axes.add_patch(patch)

    def _arrow(self, route: Route) -> None:
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        points = list(route.points)
        (across, along), tip = points[-1], self._xy(points[-1])
        if route.head:
            points[-1] = (across, along - HEAD[0] + 1)
            sides = [(across + side, along - HEAD[0]) for side in (-HEAD[1], HEAD[1])]
            corners = [tip, *(self._xy(side) for side in sides)]
            self.axes.add_patch(Polygon(corners, facecolor=LINE, edgecolor="none", zorder=5))
        steps = _bent(points) if self.look.splines in ("curved", "spline") else _straight(points)
        if self.look.splines == "ortho":
            steps = _cornered(points)
        codes = [getattr(Path, code) for code, _ in steps]
        path = Path([self._xy(point) for _, point in steps], codes)
        self.axes.add_patch(PathPatch(path, facecolor="none", edgecolor=LINE, lw=1.1, zorder=4))


Step = tuple[str, Point]


def _straight(points: list[Point]) -> list[Step]:
    return [("MOVETO", points[0]), *(("LINETO", point) for point in points[1:])]


def _bent(points: list[Point]) -> list[Step]:
    """Return a path that leaves and enters every point along the arrows."""
    steps: list[Step] = [("MOVETO", points[0])]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (y0 + y1) / 2
        steps += [("CURVE4", (x0, middle)), ("CURVE4", (x1, middle)), ("CURVE4", (x1, y1))]
    return steps


def _cornered(points: list[Point]) -> list[Step]:
    """Return a path along right angles, with round corners."""
    steps: list[Step] = [("MOVETO", points[0])]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        first, second = _short_of(corner, before), _short_of(corner, after)
        steps += [("LINETO", first), ("CURVE3", corner), ("CURVE3", second)]
    return [*steps, ("LINETO", points[-1])]


def _short_of(corner: Point, other: Point) -> Point:
    """Return a point that is a radius before a corner, on the line from another point."""
    length = abs(corner[0] - other[0]) + abs(corner[1] - other[1])
    share = min(ROUND, length / 2) / length if length else 0.0
    x, y = (c + (o - c) * share for c, o in zip(corner, other, strict=True))
    return x, y


def _color(layer: Any) -> str:
    parts = type(layer).__module__.split(".")
    if parts[:2] != ["minidl", "layers"]:
        return FRAMES[1] if parts[0] == "minidl" else "#ffffff"
    module = parts[2]
    return COLORS["normalization"] if "normalization" in module else COLORS.get(module, OTHER)
