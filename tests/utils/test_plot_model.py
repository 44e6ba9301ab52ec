"""Pictures of models: what stands in them, and that nothing lies on anything else."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl import Input, Model, Sequential, layers
from minidl.utils import model_to_dot, plot_model
from minidl.utils.diagram import diagram
from minidl.utils.layered_layout import Link, layout
from minidl.utils.model_boxes import Look, arrange


def encoder():
    return Sequential([Input((4,)), layers.Dense(3, name="h"), layers.Dense(2)], name="encoder")


def siamese():
    a, b, shared = Input((4,), name="a"), Input((4,), name="b"), encoder()
    return Model([a, b], layers.Subtract(name="minus")([shared(a), shared(b)]), name="siamese")


def residual():
    x = h = Input((4,), name="x")
    for i in range(3):
        branch = layers.Dense(4, name=f"d{i}")(layers.ReLU(name=f"r{i}")(h))
        h = layers.Add(name=f"add{i}")([branch, h])
    return Model(x, [h, layers.Dense(1, name="head")(h)])


def arrows(drawn):
    return [(edge.source.name, edge.target.name) for edge in drawn.edges]


# The diagram


def test_a_shared_layer_is_one_box_with_several_arrows():
    drawn = diagram(siamese())
    assert [box.name for box in drawn.boxes] == ["a", "encoder", "b", "minus"]
    assert arrows(drawn) == [
        *(("a", "encoder"), ("b", "encoder"), ("encoder", "minus"), ("encoder", "minus"))
    ]
    assert drawn.boxes[1].input_shapes == [(None, 4)]
    assert drawn.boxes[3].input_shapes == [(None, 2)] * 2


def test_a_layer_applied_to_its_own_output_is_a_box_a_call():
    x, dense = Input((4,), name="x"), layers.Dense(4, name="d")
    drawn = diagram(Model(x, dense(dense(x))))
    assert arrows(drawn) == [("x", "d (1)"), ("d (1)", "d (2)")]


def test_nested_models_are_opened_where_asked():
    assert all(box.inner is None for box in diagram(siamese()).boxes)
    (inner,) = [box.inner for box in diagram(siamese(), True).boxes if box.inner]
    assert [box.name for box in inner.boxes][1:] == ["h", inner.boxes[2].name]
    assert inner.inputs == [inner.boxes[0]]
    assert inner.outputs == [(inner.boxes[2], 0)]


def test_a_model_without_a_graph_is_one_box_and_one_that_is_not_built_is_refused():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    with pytest.raises(ValueError, match=r"not built.*model\.build"):
        plot_model(model, to_file=None)
    model(np.ones((1, 3)))
    assert [type(box.layer) for box in diagram(model).boxes] == [Own]


# The layout


@st.composite
def graphs(draw):
    """Sizes, and links that go from a lower to a higher number."""
    count = draw(st.integers(1, 12))
    side = st.floats(5, 80)
    sizes = draw(st.lists(st.tuples(side, side), min_size=count, max_size=count))
    pairs = list(itertools.combinations(range(count), 2))
    links = draw(st.lists(st.sampled_from(pairs), max_size=20, unique=True)) if pairs else []
    return sizes, [Link(*pair) for pair in links]


@given(graphs())
def test_boxes_do_not_touch_and_arrows_go_one_way_around_them(graph):
    sizes, links = graph
    placed = layout(sizes, links)
    boxes = [
        (x - w / 2, x + w / 2, y - h / 2, y + h / 2)
        for (x, y), (w, h) in zip(placed.centers, sizes, strict=True)
    ]
    for a, b in itertools.combinations(boxes, 2):
        assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]
    for left, right, top, bottom in boxes:
        assert left >= -1e-6
        assert right <= placed.size[0] + 1e-6
        assert top >= -1e-6
        assert bottom <= placed.size[1] + 1e-6
    for link, route in zip(links, placed.routes, strict=True):
        assert route[0][1] == pytest.approx(boxes[link.source][3])
        assert route[-1][1] == pytest.approx(boxes[link.target][2])
        assert all(b[1] - a[1] > -1e-6 for a, b in itertools.pairwise(route))
        for (x, y0), (_, y1) in zip(route[::2], route[1::2], strict=True):  # the straight parts
            for left, right, top, bottom in boxes:
                assert not (left < x < right and max(y0, top) + 1e-6 < min(y1, bottom))


def test_an_order_without_crossings_is_found():
    # Two chains that are given crosswise.
    links = [Link(0, 3), Link(1, 2), Link(2, 5), Link(3, 4)]
    placed = layout([(10.0, 10.0)] * 6, links)
    x = [center[0] for center in placed.centers]
    assert (x[0] < x[1]) == (x[3] < x[2]) == (x[4] < x[5])


def test_chains_beside_skips_are_straight():
    """Three blocks of boxes of different widths, each with an arrow that goes past its boxes."""
    links, skips = [], []
    for block in range(3):
        first = 4 * block
        links += [Link(at, at + 1) for at in range(first, first + 4)]
        skips.append(len(links))
        links.append(Link(first, first + 4))
    sizes = [(60.0 + 25 * (at % 3), 10.0) for at in range(13)]
    placed = layout(sizes, links)
    x = [center[0] for center in placed.centers]
    for block in range(3):
        inside = x[4 * block + 1 : 4 * block + 4]
        assert max(inside) - min(inside) < 0.1
        route = placed.routes[skips[block]]
        corners = [point[0] for point in route[2:-2]]
        assert len(corners) == 6
        assert max(corners) - min(corners) < 1e-9
    assert max(x) - min(x) < 20


# The picture


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_boxes_say_what_is_asked_for():
    model = Sequential([Input((4,), name="x"), layers.Dense(3, "relu", name="d$_1$")])
    assert texts(plot_model(model, None)) == ["InputLayer", "Dense"]
    model.layers[0].trainable = False
    figure = plot_model(
        model, None, show_shapes=True, show_dtype=True, show_layer_names=True,
        show_layer_activations=True, show_trainable=True,
    )  # fmt: skip
    assert [text.strip() for text in texts(figure)] == [
        *("x", "InputLayer", "output", "(batch, 4)", "dtype", "float32"),
        *("d$_1$", "Dense", "activation", "relu", "input", "(batch, 4)", "output", "(batch, 3)"),
        *("dtype", "float32", "trainable", "no"),
    ]


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_text_lies_within_its_box_and_boxes_within_their_frame(rankdir):
    from matplotlib.patches import FancyBboxPatch

    figure = plot_model(
        siamese(), None, rankdir=rankdir, expand_nested=True, show_shapes=True,
        show_layer_names=True,
    )  # fmt: skip
    figure.canvas.draw()
    axes = figure.axes[0]
    outlines = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    boxes = [p.get_window_extent().padded(1) for p in outlines]
    whole = figure.bbox
    for text in axes.texts:
        extent = text.get_window_extent()
        assert whole.x0 <= extent.x0 <= extent.x1 <= whole.x1
        assert any(
            b.x0 <= extent.x0 and extent.x1 <= b.x1 and b.y0 <= extent.y0 and extent.y1 <= b.y1
            for b in boxes
        ), text.get_text()
    (frame,) = [p for p in outlines if p.get_linestyle() != "solid"]
    around = frame.get_window_extent()
    inside = sum(around.x0 < b.x0 < b.x1 < around.x1 and around.y0 < b.y0 < b.y1 < around.y1
                 for b in boxes)  # fmt: skip
    assert inside == 3


def test_arrows_point_the_way_of_rankdir():
    def heads(rankdir):
        from matplotlib.patches import Polygon

        axes = plot_model(residual(), None, rankdir=rankdir).axes[0]
        for patch in axes.patches:
            if type(patch) is Polygon:
                tip, *sides = patch.get_xy()[:3]
                yield tip - np.mean(sides, axis=0)

    for rankdir, axis, sign in (("TB", 1, 1), ("BT", 1, -1), ("LR", 0, 1), ("RL", 0, -1)):
        steps = np.array(list(heads(rankdir)))
        assert len(steps) == 13
        assert (steps[:, axis] * sign > 3).all()


def inception():
    x = h = Input((4,))
    for _ in range(2):
        branches = [layers.Dense(2)(h), *(layers.Dense(2)(layers.Dense(3)(h)) for _ in range(3))]
        h = layers.Concatenate()(branches)
    return Model(x, h)


@pytest.mark.parametrize("make", [residual, inception])
def test_arrows_with_right_angles_share_no_track(make):
    placed = arrange(diagram(make()), Look(splines="ortho"))
    level = [
        (a[1], *sorted((a[0], b[0])))
        for route in placed.routes
        for a, b in itertools.pairwise(route.points)
        if a[1] == b[1]
    ]
    assert level
    for (y, low, high), (z, low2, high2) in itertools.combinations(level, 2):
        assert y != z or high < low2 or high2 < low


@pytest.mark.parametrize("splines", ["ortho", "curved", "line"])
def test_files(tmp_path, splines, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plot_model(residual(), "model.svg", splines=splines)
    assert "<svg" in (tmp_path / "model.svg").read_text()
    figure = plot_model(encoder(), tmp_path / "model", dpi=50)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_what_is_not_known_is_refused():
    for options, message in (
        ({"rankdir": "UP"}, "rankdir='UP', expected one of TB, BT, LR, RL"),
        ({"splines": "wavy"}, "splines='wavy'"),
        ({"layer_range": ["a", "b"]}, "unknown arguments: layer_range"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_model(encoder(), None, **options)
        with pytest.raises(ValueError, match=message):
            model_to_dot(encoder(), **options)


# DOT


def test_dot_has_every_box_and_arrow():
    text = model_to_dot(siamese(), expand_nested=True, show_shapes=True, rankdir="LR")
    names = dict(re.findall(r'(n\d+) \[label="(\w+)', text))
    assert len(names) == 6
    edges = [(names[a], names[b]) for a, b in re.findall(r"(n\d+) -> (n\d+)", text)]
    assert len(edges) == 6
    first = next(name for name in names.values() if name.startswith("input_layer"))
    assert ("a", first) in edges
    assert ("b", first) in edges
    assert (first, "h") in edges
    assert sum(target == "minus" for _, target in edges) == 2
    assert 'subgraph "cluster encoder' in text
    assert "rankdir=LR" in text
    assert text.count("{") == text.count("}")
    assert model_to_dot(encoder(), subgraph=True).startswith('subgraph "cluster encoder" {')
