"""From a record to a derivation: the steps of one batch in the order in which they are computed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minidl._typing import Array
from minidl.explain.content import Equation, Explanation, Item, Note, Numbers, Step
from minidl.explain.formulas import losses, updates
from minidl.explain.formulas.table import formula_of
from minidl.explain.numbers import shape
from minidl.explain.recording import Call, Recording
from minidl.explain.working import largest, sum_of_products
from minidl.models.batches import Batch
from minidl.models.masked_plan import KeptMask, LostMask, MaskStep, plan_of
from minidl.models.plan import Plan
from minidl.models.plan_step import ActivityPenalty
from minidl.models.steps import Steps

Parts = dict[int, list[tuple[str, Array]]]  # of each parameter's gradient, and whose they are


def explain_model(
    model: Any, x: Any, y: Any = None, sample_weight: Any = None, training: bool | None = None
) -> Explanation:
    """Return the derivation of what a model computes on a batch; see `Model.explain`."""
    training = y is not None if training is None else bool(training)
    _check_model(model, y)
    twin = _copy_of(model)
    batch = _batch(twin, x, y, sample_weight)
    if y is None:
        return _forward_only(twin, batch, training)
    objective = twin._objective or twin._make_objective(max(1, len(twin._outputs.names)))
    twin._check_targets(batch.y, len(batch.x[0]))
    if training:
        return _training_step(twin, objective, batch)
    return _evaluation(twin, objective, batch)


def _check_model(model: Any, y: Any) -> None:
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} is not built: its weights are made from the input's shape, so "
            "there are no numbers to explain yet. Put Input(shape) at its front, or call "
            "model.build(input_shape)."
        )
    if y is None:
        return
    model._require_compiled("explain")
    if type(model).train_step is not Steps.train_step:
        raise TypeError(
            f"Model {model.name!r} ({type(model).__name__}) has a train_step of its own, which "
            "explain cannot follow. model.explain(x), without y, tells its forward pass."
        )


def _copy_of(model: Any) -> Any:
    try:
        return copy.deepcopy(model)
    except Exception as error:  # whatever a user's own object raises
        raise TypeError(
            f"Model {model.name!r} cannot be copied ({type(error).__name__}: {error}), and explain "
            "runs a copy so that nothing of yours changes. Keep what cannot be copied out of the "
            "layers' attributes, or write __deepcopy__."
        ) from error


def _batch(model: Any, x: Any, y: Any, sample_weight: Any) -> Batch:
    """Return the checked and cast batch that training would get."""
    feeder = model._feeder(x)
    try:
        xs, ys, weights = feeder.arrays(x, y, sample_weight)
    except ValueError as error:
        raise ValueError(
            f"{error} explain takes a batch: for one sample x[:1] and y[:1]."
        ) from error
    cast = model._inputs.cast
    xs = [cast(i, array) for i, array in enumerate(xs)]
    if ys is not None:
        ys = [None if a is None else feeder._cast_target(i, a) for i, a in enumerate(ys)]
    return Batch(xs, ys, weights)


# The three kinds of runs


def _plan(model: Any, views: Any = None) -> Plan:
    graph = model.unrolled_graph()
    if graph is not None:
        return plan_of(graph, views=views)
    inputs = max(1, len(model._inputs.names))
    outputs = max(1, len(model._outputs.names))
    return Plan.of_one_layer(model, inputs, outputs, single=inputs == 1)


def _forward_only(model: Any, batch: Batch, training: bool) -> Explanation:
    recording = Recording(_plan(model))
    recording.plan.forward(batch.x, training)
    how = "in training mode" if training else "in inference mode"
    return Explanation(
        _title(model, batch, f"forward, {how}"), _forward_steps(recording, model, batch)
    )


def _evaluation(model: Any, objective: Any, batch: Batch) -> Explanation:
    recording = Recording(_plan(model, objective.views))
    outputs, tape = recording.plan.forward(batch.x, training=False)
    batch = _masked(batch, recording.plan.output_masks(tape))
    steps = _forward_steps(recording, model, batch)
    steps += losses.told(objective, batch, outputs, _penalties(model, recording.plan, tape), False)
    return Explanation(_title(model, batch, "evaluation: forward and loss"), steps)


def _training_step(model: Any, objective: Any, batch: Batch) -> Explanation:
    model._settle()
    optimizer = model.optimizer
    optimizer.leave_out([])  # no parameter takes its step within the backward pass here
    recording = Recording(model._step_plan)
    plan = recording.plan
    with np.errstate(all="ignore"):  # what is not finite is told below
        outputs, tape = plan.forward(batch.x, training=True)
        batch = _masked(batch, plan.output_masks(tape))
        penalties = _penalties(model, plan, tape)
        loss, _, gradients = objective.value_and_gradient(batch, outputs)
        if not np.isfinite(loss + sum(amount for _, amount in penalties)):
            return _stopped(model, objective, batch, recording)
    plan.backward(tape, gradients)
    recording.tell_arrivals(gradients)
    loss_steps = losses.told(objective, batch, outputs, penalties, True)
    forward = _forward_steps(recording, model, batch)
    backward = _backward_steps(recording)
    update = updates.told(model, _parts(recording))
    title = _title(model, batch, "one training step")
    return Explanation(title, forward + loss_steps + backward + update)


def _stopped(model: Any, objective: Any, batch: Batch, recording: Recording) -> Explanation:
    """Tell the way to a loss that is not finite: training raises there, and learns nothing."""
    first = next(
        (call.name for call in recording.calls() if not _finite(call.y)), "the loss itself"
    )
    reason = f"The loss is not finite; the first numbers that are not come from {first}. "
    reason += "Training would stop here, before the way back, with the weights as they are."
    steps = _forward_steps(recording, model, batch)
    steps.append(Step("loss", "not finite", [Note(reason)]))
    return Explanation(_title(model, batch, "a training step that fails"), steps)


def _finite(y: Any) -> bool:
    arrays = y if isinstance(y, list) else [y]
    return all(np.isfinite(a).all() for a in arrays if a is not None and a.dtype.kind == "f")


def _masked(batch: Batch, masks: Any) -> Batch:
    return batch if masks is None else batch._replace(masks=masks)


def _penalties(model: Any, plan: Plan, tape: Any) -> list[tuple[str, float]]:
    """Return what is added to the loss besides the losses: whose penalty, and how much."""
    found = []
    for i in plan.adding:
        step = plan.steps[i]
        added, layer = step.added_loss(tape[i]), step.layer
        if isinstance(layer, ActivityPenalty):
            owner = layer.name.removesuffix("_activity")
            found.append((f"{layer.regularizer!r} on the output of {owner!r}", added))
        elif added:
            found.append((f"what {layer.name!r} adds", added))
    for parameter in model.trainable_weights:
        if parameter.regularizer is not None:
            value = float(parameter.regularizer(parameter.value))
            found.append((f"{type(parameter.regularizer).__name__} on {parameter.path}", value))
    return found


def _title(model: Any, batch: Batch, what: str) -> str:
    size = batch.size
    samples = "1 sample" if size == 1 else f"{size} samples"
    return f"Model {model.name!r} on {samples}: {what}"


def _parts(recording: Recording) -> Parts:
    """Return the parts of every parameter's gradient, one a call."""
    parts: Parts = {}
    for call in recording.calls():
        for parameter in call.parameters():
            gradient = call.gradient(parameter)
            assert gradient is not None
            parts.setdefault(id(parameter), []).append((call.name, gradient))
    return parts


# The steps


def _forward_steps(recording: Recording, model: Any, batch: Batch) -> list[Step]:
    heads = model._objective.heads if batch.y is not None else []
    views = {h.view: type(h.activation).__name__.lower() for h in heads if h.view is not None}
    names = model._inputs.names or ["x"]
    given: list[Item] = [
        Numbers(name if len(names) > 1 else "x", array, shape(array))
        for name, array in zip(names, batch.x, strict=False)
    ]
    if batch.y is not None:
        labels = model._outputs.names if len(batch.y) > 1 else ["y_true"]
        given += [
            Numbers(label if label == "y_true" else f"y_true of {label}", target, shape(target))
            for label, target in zip(labels, batch.y, strict=False)
            if target is not None
        ]
    steps = [Step("forward", "the sample", given)]
    sources = {
        slot: f"the input {n!r}" for slot, n in zip(recording.plan.inputs, names, strict=False)
    }
    for recorded in recording.steps:
        call = recorded.call
        layer = recorded.layer
        if call is None or isinstance(recorded.step, KeptMask | LostMask):
            continue
        came_from = [sources.get(slot, "a mask") for slot in recorded.inputs]
        for slot in recorded.outputs:
            sources[slot] = f"layer {layer.name!r}"
        if isinstance(recorded.step, MaskStep):
            steps.append(_mask_step(call))
            continue
        items: list[Item] = [Note(_where_from(call, came_from))]
        if layer in views:
            items.append(Note(f"Its activation, {views[layer]}, comes with the loss."))
        if isinstance(layer, ActivityPenalty):
            items += [
                Equation("y = x", f"and R(x) / batch is added to the loss, R {layer.regularizer!r}")
            ]
        else:
            items += formula_of(layer).forward(call)
        steps.append(Step("forward", _name(call), items))
    return steps


def _where_from(call: Call, sources: list[str]) -> str:
    several = isinstance(call.x, list)
    said = ", ".join(dict.fromkeys(sources[: len(call.x)] if several else sources[:1]))
    letter = "xs are what comes" if several else "x is what comes"
    mode = ""
    if call.training and not call.layer.trainable and call.layer.weights:
        mode = "; the layer is frozen"
    return f"{letter} from {said}, {shape(call.x)}; y has the shape {shape(call.y)}{mode}."


def _mask_step(call: Call) -> Step:
    made = call.y if isinstance(call.y, list) else [call.y]
    items: list[Item] = [Note("Which time steps count from here on: 1 for those that do.")]
    items += [Numbers("mask", mask, shape(mask)) for mask in made if mask is not None]
    return Step("forward", f"the mask of {call.name}", items)


def _backward_steps(recording: Recording) -> list[Step]:
    steps = []
    for recorded in reversed(recording.steps):
        call = recorded.call
        if call is None or not call.went_back or isinstance(recorded.step, MaskStep | KeptMask):
            continue
        items = _arrivals(call)
        if isinstance(call.layer, ActivityPenalty):
            items += [
                Equation("dx = dy + dR(x) / batch", f"R is {call.layer.regularizer!r}"),
                *([Numbers("dx", call.dx, shape(call.dx))] if call.gives_dx else []),
            ]
        else:
            items += formula_of(call.layer).backward(call)
            if not call.gives_dx:
                items.append(Note("dx is not computed: nothing in front of this layer is trained."))
        steps.append(Step("backward", _name(call), items))
    return steps


def _arrivals(call: Call) -> list[Item]:
    """Tell which gradients were added up to dy where more than one came."""
    items: list[Item] = []
    for index, arrivals in enumerate(call.arrivals):
        if not arrivals:
            continue
        dy = call.dy[index] if isinstance(call.dy, list) else call.dy
        whence = " + ".join(f"[from {source}]" for source, _ in arrivals)
        items.append(Equation(f"dy = {whence}", "y was used more than once: its gradients add up"))
        items += [Numbers(f"[from {source}]", part, shape(part)) for source, part in arrivals]
        at = largest(dy)
        letters = " + ".join("dy" for _ in arrivals)
        terms = [(part[at],) for _, part in arrivals]
        items.append(sum_of_products("dy", dy, at, letters, terms))
    return items


def _name(call: Call) -> str:
    return f"{call.name} ({type(call.layer).__name__})"
