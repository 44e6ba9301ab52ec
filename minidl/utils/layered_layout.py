"""Where to put the boxes of a graph, so that its arrows point one way, are short and seldom cross.

The method is the one of Sugiyama, Tagawa and Toda (1981), in four steps:

    1. rank         a box is one row below the lowest of those it gets something from;
                    an arrow over several rows gets a corner, a box of no height, in each between
    2. order        each row is sorted by the mean place of its neighbors, downwards and upwards,
                    again and again; the order with the fewest crossings is kept
    3. coordinates  each box goes as near to its neighbors as the row's order and the gaps allow,
                    which is a least squares problem under an order (isotonic regression)
    4. routes       the corners of an arrow are put on one line where there is room for it

Everything is in two coordinates: `along` the arrows, and `across` them.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from dataclasses import dataclass

CORNER = 8.0  # the room that an arrow takes across, where it passes boxes
YIELDING = 0.01  # how much a corner's place weighs against a box's
STRAIGHT = 0.5  # less than this aside is not aside
TRACK = 4.0  # what an arrow that turns aside adds to the gap between two rows, beyond the third
SWEEPS = 12


@dataclass(frozen=True)
class Link:
    """An arrow from one box to another, by their numbers.

    Attributes:
        source, target: the boxes.
        leaves, enters: where it leaves and enters, as a distance from the box's middle across;
            None spreads the arrows of the box evenly.
    """

    source: int
    target: int
    leaves: float | None = None
    enters: float | None = None


@dataclass
class Layout:
    """The result: for boxes their middles, for links the points on their way.

    Attributes:
        centers: (across, along) of each box.
        routes: for each link, the points (across, along) from the source's edge to the target's.
            Between the points 1 and 2, 3 and 4, ... it changes from row to row; else it goes
            straight along.
        size: (across, along) of the whole.
    """

    centers: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    size: tuple[float, float]


def layout(
    sizes: list[tuple[float, float]],
    links: list[Link],
    first: frozenset[int] = frozenset(),
    last: frozenset[int] = frozenset(),
    gap_across: float = 18.0,
    gap_along: float = 26.0,
) -> Layout:
    """Return where the boxes and the arrows go.

    Arguments:
        sizes: (across, along) of each box.
        links: the arrows; following them must not lead back to a box.
        first, last: boxes that go into the first and into the last row.
        gap_across, gap_along: the least distance of two boxes in a row, and of two rows.
    """
    rank = _ranks(len(sizes), links, first, last)
    rows: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for box, row in enumerate(rank):
        rows[row].append(box)
    chains = _chains(rank, rows, links)
    widths = [size[0] for size in sizes] + [CORNER] * (sum(map(len, rows)) - len(sizes))
    order = _Order(rows, chains)
    rows = order.best()
    offsets = _offsets(links, chains, order.place, sizes)
    across = _Across(rows, chains, offsets, widths, len(sizes), gap_across).solve()
    return _measured(sizes, rows, chains, offsets, widths, across, gap_along)


# 1. Ranks


def _ranks(count: int, links: list[Link], first: frozenset[int], last: frozenset[int]) -> list[int]:
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for link in links:
        after[link.source].append(link.target)
        waiting[link.target] += 1
    rank = [0] * count
    ready = [box for box in range(count) if not waiting[box]]
    sources = set(ready) - first
    for box in ready:  # it grows meanwhile
        for target in after[box]:
            rank[target] = max(rank[target], rank[box] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for box in sources:  # an input stands right above its first use
        if after[box]:
            rank[box] = min(rank[target] for target in after[box]) - 1
    bottom = max(rank, default=0)
    return [bottom if box in last else rank[box] for box in range(count)]


def _chains(rank: list[int], rows: list[list[int]], links: list[Link]) -> list[list[int]]:
    """Return for each link the boxes and corners on its way, and put the corners into the rows."""
    number = len(rank)
    chains = []
    for link in links:
        chain = [link.source]
        for row in range(rank[link.source] + 1, rank[link.target]):
            rows[row].append(number)
            chain.append(number)
            number += 1
        chains.append([*chain, link.target])
    return chains


# 2. Order


class _Order:
    """The order within the rows, made better row by row."""

    def __init__(self, rows: list[list[int]], chains: list[list[int]]) -> None:
        self.rows = rows
        self.above: dict[int, list[int]] = {}
        self.below: dict[int, list[int]] = {}
        for chain in chains:
            for upper, lower in itertools.pairwise(chain):
                self.above.setdefault(lower, []).append(upper)
                self.below.setdefault(upper, []).append(lower)
        self.place: dict[int, int] = {}
        self._note(self.rows)

    def _note(self, rows: list[list[int]]) -> None:
        for row in rows:
            self.place.update({box: at for at, box in enumerate(row)})

    def best(self) -> list[list[int]]:
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(SWEEPS):
            if not fewest:
                break
            downwards = sweep % 2 == 0
            near = self.above if downwards else self.below
            for row in self.rows if downwards else reversed(self.rows):
                means = {box: self._mean(near.get(box, []), self.place[box]) for box in row}
                row.sort(key=means.__getitem__)
                self._note([row])
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self._note(best)
        return best

    def _mean(self, neighbors: list[int], otherwise: float) -> float:
        if not neighbors:
            return otherwise
        return sum(self.place[box] for box in neighbors) / len(neighbors)

    def _crossings(self) -> int:
        crossings = 0
        for row in self.rows:
            passed: list[int] = []
            for box in row:
                ends = sorted(self.place[lower] for lower in self.below.get(box, []))
                crossings += sum(len(passed) - bisect_left(passed, end + 1) for end in ends)
                for end in ends:
                    insort(passed, end)
        return crossings


def _offsets(
    links: list[Link],
    chains: list[list[int]],
    place: dict[int, int],
    sizes: list[tuple[float, float]],
) -> list[tuple[float, float]]:
    """Return where each link leaves its source and enters its target, from their middles."""
    leaves = [link.leaves for link in links]
    enters = [link.enters for link in links]
    for ends, own, next_to in ((leaves, 0, 1), (enters, -1, -2)):
        of_box: dict[int, list[int]] = {}
        for number, chain in enumerate(chains):
            if ends[number] is None:
                of_box.setdefault(chain[own], []).append(number)
        for box, numbers in of_box.items():
            numbers.sort(key=lambda n: place[chains[n][next_to]])
            step = min(14.0, sizes[box][0] / (len(numbers) + 1))
            for at, number in enumerate(numbers):
                ends[number] = (at - (len(numbers) - 1) / 2) * step
    return [(a or 0.0, b or 0.0) for a, b in zip(leaves, enters, strict=True)]


# 3. Coordinates


class _Across:
    """The coordinates across the arrows."""

    def __init__(
        self,
        rows: list[list[int]],
        chains: list[list[int]],
        offsets: list[tuple[float, float]],
        widths: list[float],
        boxes: int,
        gap: float,
    ) -> None:
        self.rows, self.chains, self.widths, self.boxes, self.gap = rows, chains, widths, boxes, gap
        self.x = [0.0] * len(widths)
        # For each box or corner, its neighbors and how far it should stand to the right of them.
        self.above: dict[int, list[tuple[int, float]]] = {}
        self.below: dict[int, list[tuple[int, float]]] = {}
        for chain, (leaves, enters) in zip(chains, offsets, strict=True):
            for at, (upper, lower) in enumerate(itertools.pairwise(chain)):
                shift = (leaves if at == 0 else 0.0) - (enters if at == len(chain) - 2 else 0.0)
                self.above.setdefault(lower, []).append((upper, shift))
                self.below.setdefault(upper, []).append((lower, -shift))

    def solve(self) -> list[float]:
        for row in self.rows:
            self._place(row, dict.fromkeys(row, 0.0))
        for sweep in range(2 * SWEEPS):
            downwards = sweep % 2 == 0
            near = self.above if downwards else self.below
            for row in self.rows if downwards else reversed(self.rows):
                self._place(row, {box: self._wanted(box, near) for box in row})
        for _ in range(3):
            self._straighten()
        return self.x

    def _wanted(self, box: int, near: dict[int, list[tuple[int, float]]]) -> float:
        """Return the mean place of the neighbors; boxes count before corners of passing arrows."""
        neighbors = near.get(box, [])
        if box < self.boxes:
            neighbors = [(n, shift) for n, shift in neighbors if n < self.boxes] or neighbors
        if not neighbors:
            return self.x[box]
        return sum(self.x[n] + shift for n, shift in neighbors) / len(neighbors)

    def _apart(self, left: int, right: int) -> float:
        return (self.widths[left] + self.widths[right]) / 2 + self.gap

    def _place(self, row: list[int], wanted: dict[int, float]) -> None:
        """Put a row as near to where it is wanted as its order and the gaps allow.

        Without the gaps between them, places must not decrease; the nearest such places are means
        over blocks of neighbors that want to pass each other.
        """
        before = 0.0
        taken = []
        for at, box in enumerate(row):
            before += self._apart(row[at - 1], box) if at else 0.0
            taken.append(before)
        blocks: list[tuple[float, float, int]] = []  # weight · wanted, weight, number of boxes
        for box, room in zip(row, taken, strict=True):
            weight = 1.0 if box < self.boxes else YIELDING
            total, count = weight * (wanted[box] - room), 1
            while blocks and blocks[-1][0] / blocks[-1][1] > total / weight:
                earlier, more, number = blocks.pop()
                total, weight, count = total + earlier, weight + more, count + number
            blocks.append((total, weight, count))
        places = [total / weight for total, weight, count in blocks for _ in range(count)]
        for box, place, room in zip(row, places, taken, strict=True):
            self.x[box] = place + room

    def _straighten(self) -> None:
        """Put on one line, where there is room: an arrow's corners, and boxes that follow alone."""
        row_of = {box: row for row in self.rows for box in row}
        at = {box: i for row in self.rows for i, box in enumerate(row)}

        def room(box: int) -> tuple[float, float]:
            """Return how far a box may go to either side without passing its neighbors."""
            row, i = row_of[box], at[box]
            low, high = -float("inf"), float("inf")
            if i:
                low = self.x[row[i - 1]] + self._apart(row[i - 1], box)
            if i + 1 < len(row):
                high = self.x[row[i + 1]] - self._apart(box, row[i + 1])
            return low, high

        for chain in self.chains:
            if corners := chain[1:-1]:
                rooms = [room(corner) for corner in corners]
                low, high = max(r[0] for r in rooms), min(r[1] for r in rooms)
                if low <= high:
                    mean = sum(self.x[corner] for corner in corners) / len(corners)
                    for corner in corners:
                        self.x[corner] = min(max(mean, low), high)
                continue
            upper, lower = chain
            if len(self.below[upper]) == len(self.above[lower]) == 1:
                ((_, shift),) = self.above[lower]
                for box, place in ((lower, self.x[upper] + shift), (upper, self.x[lower] - shift)):
                    low, high = room(box)
                    if low <= place <= high:
                        self.x[box] = place
                        break


# 4. Routes


def _measured(
    sizes: list[tuple[float, float]],
    rows: list[list[int]],
    chains: list[list[int]],
    offsets: list[tuple[float, float]],
    widths: list[float],
    across: list[float],
    gap: float,
) -> Layout:
    """Put the rows below each other, and move everything to where coordinates begin at 0."""
    left = min((x - w / 2 for x, w in zip(across, widths, strict=True)), default=0.0)
    right = max((x + w / 2 for x, w in zip(across, widths, strict=True)), default=0.0)
    x = [place - left for place in across]
    ends = [
        [x[chain[0]] + leaves, *(x[box] for box in chain[1:-1]), x[chain[-1]] + enters]
        for chain, (leaves, enters) in zip(chains, offsets, strict=True)
    ]
    changes: dict[int, int] = {}  # how many arrows turn aside below the row of a box
    for chain, places in zip(chains, ends, strict=True):
        for upper, here, there in zip(chain, places, places[1:], strict=False):
            changes[upper] = changes.get(upper, 0) + (abs(here - there) > STRAIGHT)
    band: dict[int, tuple[float, float]] = {}  # where the row of a box begins and ends
    y = below = 0.0
    heights = [max((sizes[box][1] for box in row if box < len(sizes)), default=0.0) for row in rows]
    for row, height, next_height in zip(rows, heights, [*heights[1:], 0.0], strict=True):
        band.update(dict.fromkeys(row, (y, y + height)))
        # A row of mere points needs less room.
        room = gap if height and next_height else gap / 2
        below = room + TRACK * max(0, sum(changes.get(box, 0) for box in row) - 3)
        y += height + below
    y -= below
    middle = {box: sum(band[box]) / 2 for row in rows for box in row}
    routes = []
    for chain, places in zip(chains, ends, strict=True):
        source, target = chain[0], chain[-1]
        start, end = places[0], places[-1]
        route = [(start, middle[source] + sizes[source][1] / 2), (start, band[source][1])]
        for corner in chain[1:-1]:
            route += [(x[corner], band[corner][0]), (x[corner], band[corner][1])]
        route += [(end, band[target][0]), (end, middle[target] - sizes[target][1] / 2)]
        routes.append(route)
    centers = [(x[box], middle[box]) for box in range(len(sizes))]
    return Layout(centers, routes, (right - left, y))
