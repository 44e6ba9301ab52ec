"""The boxes of a model's picture: what stands in them, how large they are, and where they go.

All lengths are in points, 1/72 inch. Places are (across, along) the arrows; what is drawn from left
to right differs from what is drawn downwards only in how the two become x and y.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from minidl.utils.diagram import Box, Diagram
from minidl.utils.display import format_shape
from minidl.utils.layered_layout import STRAIGHT, Link, layout

TITLE_SIZE, FACT_SIZE = 10.0, 8.5
TITLE_HEIGHT, FACT_HEIGHT = 22.0, 13.0
SIDE, BELOW = 9.0, 5.0  # between a box's text and its edge
COLUMN = 7.0  # between a fact's name and its value
FRAME = {"left": 14.0, "right": 14.0, "top": 22.0, "bottom": 4.0}  # around a nested model
Point = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """What a box says, which way the arrows go, and how."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    activations: bool = False
    trainable: bool = False
    rankdir: str = "TB"
    splines: str = "ortho"

    @property
    def sideways(self) -> bool:
        """Whether the arrows go to the right or to the left."""
        return self.rankdir in ("LR", "RL")

    def turned(self, size: Point) -> Point:
        """Return width and height as sizes across and along, or the reverse."""
        return (size[1], size[0]) if self.sideways else size

    def frame(self) -> tuple[Point, Point]:
        """Return the room around a nested model, (across, along), before it and behind it."""
        before, behind = {
            "TB": (("left", "top"), ("right", "bottom")),
            "BT": (("left", "bottom"), ("right", "top")),
            "LR": (("top", "left"), ("bottom", "right")),
            "RL": (("top", "right"), ("bottom", "left")),
        }[self.rankdir]
        return (FRAME[before[0]], FRAME[before[1]]), (FRAME[behind[0]], FRAME[behind[1]])

    def title(self, box: Box) -> tuple[str, str]:
        """Return the part of the title in bold, and the rest."""
        kind = type(box.layer).__name__
        if self.names:
            return box.name, f"  {kind}"  # two spaces: they are narrow
        return kind, f" ({box.call})" if box.call else ""

    def facts(self, box: Box) -> list[tuple[str, str]]:
        """Return the lines below the title, as name and value."""
        facts = []
        if self.activations and getattr(box.layer, "activation", None) is not None:
            facts.append(("activation", _activation_name(box.layer.activation)))
        if self.shapes:
            if type(box.layer).__name__ != "InputLayer":
                facts.append(("input", _shapes(box.input_shapes)))
            facts.append(("output", _shapes(box.output_shapes)))
        if self.dtype:
            facts.append(("dtype", ", ".join(box.output_dtypes) or "?"))
        if self.trainable and box.layer.weights:
            facts.append(("trainable", "yes" if box.layer.trainable_weights else "no"))
        return facts

    def size(self, box: Box) -> Point:
        """Return the size of a box, across and along."""
        facts = self.facts(box)
        names, values = facts_widths(facts)
        wide = max(title_width(self.title(box)), names + COLUMN + values if facts else 0.0)
        high = TITLE_HEIGHT + (len(facts) * FACT_HEIGHT + 2 * BELOW if facts else 0.0)
        return self.turned((wide + 2 * SIDE, high))

    def framed(self, box: Box, size: Point) -> Point:
        """Return the size of the frame around a nested model that has this size."""
        before, behind = self.frame()
        wide, high = self.turned((size[0] + before[0] + behind[0], size[1] + before[1] + behind[1]))
        return self.turned((max(wide, title_width(self.title(box)) + 2 * SIDE), high))


def _shapes(shapes: Iterable[Iterable[int | None]]) -> str:
    return ", ".join(format_shape(shape) for shape in shapes) or "?"


def _activation_name(activation: Any) -> str:
    for name in ("name", "__name__"):
        if isinstance(found := getattr(activation, name, None), str):
            return found
    return type(activation).__name__


@cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide a text will be."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def title_width(title: tuple[str, str]) -> float:
    """Return how wide a title will be."""
    return text_width(title[0], TITLE_SIZE, "bold") + text_width(title[1], TITLE_SIZE)


def facts_widths(facts: list[tuple[str, str]]) -> tuple[float, float]:
    """Return how wide the names and the values will be."""
    names = max((text_width(name, FACT_SIZE) for name, _ in facts), default=0.0)
    return names, max((text_width(value, FACT_SIZE) for _, value in facts), default=0.0)


@dataclass(frozen=True)
class Piece:
    """A box in its place, by its first corner and its size."""

    box: Box
    across: float
    along: float
    size: Point

    def moved(self, across: float, along: float) -> Piece:
        """Return it elsewhere."""
        return replace(self, across=self.across + across, along=self.along + along)


@dataclass(frozen=True)
class Route:
    """The way of an arrow, and whether it has a head at its end."""

    points: list[Point]
    head: bool

    def moved(self, across: float, along: float) -> Route:
        """Return it elsewhere."""
        return replace(self, points=[(x + across, y + along) for x, y in self.points])


@dataclass(frozen=True)
class Arrangement:
    """A diagram in its places.

    Attributes:
        pieces: the boxes; a frame comes before what is in it.
        routes: the arrows.
        size: of the whole, across and along.
        entries, exits: where the tensors of a nested model come in and go out, across.
    """

    pieces: list[Piece]
    routes: list[Route]
    size: Point
    entries: list[float]
    exits: list[float]


def arrange(drawn: Diagram, look: Look, nested: bool = False) -> Arrangement:
    """Put a diagram's boxes and arrows in their places, those of nested models first.

    A nested model's tensors come in at points in a first row of their own, and go out at points in
    a last row, so that no box stands in their way.
    """
    number = {box: at for at, box in enumerate(drawn.boxes)}
    inner = {box: arrange(box.inner, look, True) for box in drawn.boxes if box.inner is not None}
    before, behind = look.frame()
    sizes = [
        look.framed(box, inner[box].size) if box in inner else look.size(box) for box in drawn.boxes
    ]

    def leaves(box: Box, output: int) -> float | None:
        if box not in inner:
            return None
        return before[0] + inner[box].exits[output] - sizes[number[box]][0] / 2

    def enters(box: Box, at: int) -> float | None:
        if box not in inner:
            return None
        return before[0] + inner[box].entries[at] - sizes[number[box]][0] / 2

    links = [
        Link(
            number[e.source],
            number[e.target],
            leaves(e.source, e.output),
            enters(e.target, e.input),
        )
        for e in drawn.edges
    ]
    entries = exits = range(0)
    if nested:
        entries = range(len(sizes), len(sizes) + len(drawn.inputs))
        exits = range(entries.stop, entries.stop + len(drawn.outputs))
        sizes += [(0.0, 0.0)] * (len(entries) + len(exits))
        links += [
            Link(port, number[box], 0.0, enters(box, 0))
            for port, box in zip(entries, drawn.inputs, strict=True)
        ]
        links += [
            Link(number[box], port, leaves(box, output), 0.0)
            for port, (box, output) in zip(exits, drawn.outputs, strict=True)
        ]
    placed = layout(sizes, links, first=frozenset(entries), last=frozenset(exits))
    ways = _ways(placed.routes, look.splines)
    for link, way in zip(links, ways, strict=True):
        if link.source in entries:  # from the frame's edge, and to it
            way.insert(0, (way[0][0], -before[1]))
        if link.target in exits:
            way.append((way[-1][0], placed.size[1] + behind[1]))
    routes = [
        Route(way, link.target < len(drawn.boxes) and drawn.boxes[link.target] not in inner)
        for link, way in zip(links, ways, strict=True)
    ]
    pieces = []
    for box, center, size in zip(drawn.boxes, placed.centers, sizes, strict=False):
        piece = Piece(box, center[0] - size[0] / 2, center[1] - size[1] / 2, size)
        pieces.append(piece)
        if box in inner:
            corner = (piece.across + before[0], piece.along + before[1])
            pieces += [p.moved(*corner) for p in inner[box].pieces]
            routes += [r.moved(*corner) for r in inner[box].routes]
    return Arrangement(
        pieces,
        routes,
        placed.size,
        [placed.centers[port][0] for port in entries],
        [placed.centers[port][0] for port in exits],
    )


def _ways(routes: list[list[Point]], splines: str) -> list[list[Point]]:
    """Return the routes; with right angles, those that turn aside in a gap get tracks of it."""
    ways: list[list[Point]] = [list(route) for route in routes]
    if splines != "ortho":
        return ways
    gaps: dict[float, list[tuple[int, int]]] = {}  # by where the next row begins
    for number, route in enumerate(routes):
        for at in range(1, len(route) - 1, 2):
            if abs(route[at][0] - route[at + 1][0]) > STRAIGHT:
                gaps.setdefault(route[at + 1][1], []).append((number, at))
    turns: dict[tuple[int, int], float] = {}
    for end, segments in gaps.items():
        tracks = _tracks([(routes[n][at][0], routes[n][at + 1][0]) for n, at in segments])
        begin = max(routes[n][at][1] for n, at in segments)
        step = (end - begin) / (max(tracks) + 2)
        turns |= {s: begin + step * (track + 1) for s, track in zip(segments, tracks, strict=True)}
    for number, route in enumerate(routes):
        way = ways[number] = [route[0]]
        for at in range(1, len(route) - 1, 2):
            if (number, at) in turns:
                y = turns[number, at]
                way += [(route[at][0], y), (route[at + 1][0], y)]
        way.append(route[-1])
    return ways


def _tracks(segments: list[tuple[float, float]]) -> list[int]:
    """Return a track for each segment, so that segments on one track do not touch.

    Of those that go to the right, the rightmost comes first; of the others the leftmost: then none
    of them crosses another that goes the same way.
    """
    order = sorted(
        range(len(segments)),
        key=lambda n: -segments[n][0] if segments[n][1] > segments[n][0] else segments[n][0],
    )
    tracks = [0] * len(segments)
    taken: list[tuple[float, float, int]] = []
    for n in order:
        low, high = sorted(segments[n])
        touching = [track for a, b, track in taken if a < high + 4 and low < b + 4]
        tracks[n] = max(touching, default=-1) + 1
        taken.append((low, high, tracks[n]))
    return tracks
