"""A model's diagram in the language of Graphviz, for those who have its programs or pages."""

from __future__ import annotations

import itertools
from typing import Any

from minidl.utils.diagram import Box, Diagram, diagram
from minidl.utils.model_boxes import Look
from minidl.utils.model_drawing import check


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> str:
    """Return a model's diagram as DOT text, such as `dot -Tsvg` reads.

    `plot_model` draws the same without Graphviz.

    Arguments:
        model: a model that is built.
        subgraph: whether the text is a cluster, to be put into another graph.
        show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi: as in `plot_model`.
        show_layer_activations, show_trainable, splines: likewise.

    Returns:
        The text, where Keras returns an object of the package pydot.

    Raises:
        ValueError: if the model is not built, or an argument is not one that `plot_model` takes.

    Example:
        >>> from minidl import layers, models
        >>> model = models.Sequential(
        ...     [layers.Input((4,), name="x"), layers.Dense(3, name="d")], name="m"
        ... )
        >>> print(model_to_dot(model))
        digraph "m" {
          graph [rankdir=TB, dpi=200, splines=ortho]
          node [shape=box, style=rounded, fontname="Helvetica"]
          n0 [label="x  InputLayer"]
          n1 [label="d  Dense"]
          n0 -> n1
        }
    """
    check(rankdir, splines, kwargs, "model_to_dot")
    look = Look(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    writer = _Writer(look)
    body, *_ = writer.diagram(diagram(model, expand_nested))
    if subgraph:
        return "\n".join(_cluster(model.name, model.name, body))
    head = [
        f"digraph {_quoted(model.name)} {{",
        f"  graph [rankdir={rankdir}, dpi={dpi}, splines={splines}]",
        '  node [shape=box, style=rounded, fontname="Helvetica"]',
    ]
    return "\n".join([*head, *(f"  {line}" for line in body), "}"])


class _Writer:
    def __init__(self, look: Look) -> None:
        self.look = look
        self.numbers = itertools.count()

    def diagram(self, drawn: Diagram) -> tuple[list[str], list[str], list[str]]:
        """Return lines, and the nodes that the inputs go into and the outputs come from."""
        lines: list[str] = []
        entries: dict[Box, list[str]] = {}
        exits: dict[Box, list[str]] = {}
        for box in drawn.boxes:
            if box.inner is None:
                name = f"n{next(self.numbers)}"
                lines.append(f"{name} [label={self._label(box)}]")
                entries[box] = exits[box] = [name]
                continue
            cluster = f"{box.name} {next(self.numbers)}"
            inner, entries[box], exits[box] = self.diagram(box.inner)
            lines += _cluster(cluster, "".join(self.look.title(box)), inner)
        for edge in drawn.edges:
            source = _nth(exits[edge.source], edge.output)
            lines.append(f"{source} -> {_nth(entries[edge.target], edge.input)}")
        return (
            lines,
            [_nth(entries[box], 0) for box in drawn.inputs],
            [_nth(exits[box], output) for box, output in drawn.outputs],
        )

    def _label(self, box: Box) -> str:
        rows = ["".join(self.look.title(box))]
        rows += [f"{name}: {value}" for name, value in self.look.facts(box)]
        return _quoted("\n".join(rows))


def _nth(nodes: list[str], number: int) -> str:
    """Return the node of a tensor; a single box takes and gives all of them."""
    return nodes[number] if len(nodes) > 1 else nodes[0]


def _cluster(name: str, title: str, body: list[str]) -> list[str]:
    return [
        f"subgraph {_quoted(f'cluster {name}')} {{",
        f"  label={_quoted(title)}; style=dashed; labeljust=l",
        *(f"  {line}" for line in body),
        "}",
    ]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
