"""Masks and tensor arguments: through graphs, nested and shared, to losses and metrics."""

import numpy as np
import pytest

import minidl
from minidl import Input, Model, Sequential, layers, losses, metrics
from minidl.gradcheck import check_layer
from minidl.models.plan import Plan

from .mask_toys import Accumulate, Lookup, MeanOverTime, Zeroed

IDS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [6, 0, 1, 2, 0], [1, 1, 1, 1, 1]])
MASK = IDS != 0


def masked_mean(values, mask=MASK):
    return (values * mask[..., np.newaxis]).sum(axis=1) / mask.sum(axis=1, keepdims=True)


def ids():
    return Input((5,), dtype="int32")


def test_a_mask_goes_through_layers_that_support_it_to_one_that_uses_it():
    x = ids()
    lookup, dense = Lookup(), layers.Dense(4, activation="tanh")
    h = layers.Dropout(0.5)(layers.LayerNormalization()(dense(lookup(x))))
    model = Model(x, [h, MeanOverTime()(h)])
    values, mean = model.predict(IDS, verbose=0)
    np.testing.assert_allclose(mean, masked_mean(values), rtol=1e-5, atol=1e-6)


def test_a_model_without_masks_has_a_plain_plan():
    model = Sequential([Input((5, 2)), layers.Dense(3), MeanOverTime()])
    assert type(model._plan()) is Plan
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 5, 2)), np.ones((4, 3)), verbose=0)
    assert type(model._step_plan) is Plan


def test_a_mask_goes_through_nested_and_shared_models():
    inner_input = Input((5, 3))
    inner = Model(inner_input, MeanOverTime()(Zeroed()(inner_input)))
    lookup = Lookup()
    a, b = ids(), ids()
    model = Model([a, b], [inner(lookup(a)), inner(layers.Dense(3)(lookup(b))), lookup(a)])
    mean, other, values = model.predict([IDS, IDS[::-1]], verbose=0)
    np.testing.assert_allclose(mean, masked_mean(values), rtol=1e-5, atol=1e-6)
    dense = next(la for la in model.layers if isinstance(la, layers.Dense))
    np.testing.assert_allclose(
        other, masked_mean(dense(values[::-1]), MASK[::-1]), rtol=1e-5, atol=1e-6
    )


def test_a_nested_model_that_makes_the_mask_passes_it_out():
    inner = Sequential([ids(), Lookup(), layers.Dense(3)])
    x = ids()
    h = inner(x)
    model = Model(x, [h, MeanOverTime()(h)])
    values, mean = model.predict(IDS, verbose=0)
    np.testing.assert_allclose(mean, masked_mean(values), rtol=1e-5, atol=1e-6)


def test_merging_joins_masks():
    a, b = ids(), ids()
    lookup = Lookup()
    total = layers.Add()([lookup(a), lookup(b)])
    side = layers.Concatenate()([lookup(a), lookup(b)])
    along = layers.Concatenate(axis=1)([lookup(a), lookup(b)])
    outputs = [h for t in (total, side, along) for h in (t, MeanOverTime()(t))]
    other = np.roll(IDS, 2, axis=1)
    results = Model([a, b], outputs).predict([IDS, other], verbose=0)
    either = MASK | (other != 0)
    masks = [either, either, np.concatenate([MASK, other != 0], axis=1)]
    for values, mean, mask in zip(results[::2], results[1::2], masks, strict=True):
        np.testing.assert_allclose(mean, masked_mean(values, mask), rtol=1e-5, atol=1e-6)


def test_a_merge_with_an_input_that_has_no_mask():
    x, plain = ids(), Input((5, 3))
    h = Lookup()(x)
    total, side = layers.Add()([h, plain]), layers.Concatenate()([h, plain])
    model = Model([x, plain], [total, MeanOverTime()(total), side, MeanOverTime()(side)])
    values, mean, wide, wide_mean = model.predict([IDS, np.ones((4, 5, 3))], verbose=0)
    np.testing.assert_allclose(
        mean, values.mean(axis=1), rtol=1e-5, atol=1e-6
    )  # Add: none, as in Keras
    np.testing.assert_allclose(
        wide_mean, wide.mean(axis=1), rtol=1e-5, atol=1e-6
    )  # all steps count in one


def test_a_layer_that_drops_the_mask_warns_and_names_itself():
    model = Sequential([ids(), Lookup(), layers.Flatten(name="flat"), layers.Dense(1)])
    with pytest.warns(UserWarning, match="'flat' .Flatten. received an input with a mask"):
        model.predict(IDS, verbose=0)
    model.predict(IDS, verbose=0)  # once is enough


def test_an_explicit_mask():
    x, mask = Input((5, 3)), Input((5,), dtype="bool")
    h = Zeroed()(x, mask=mask)
    model = Model([x, mask], [h, MeanOverTime()(h)])
    values = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    zeroed, mean = model([values, MASK])
    np.testing.assert_array_equal(zeroed, values * MASK[..., np.newaxis])
    np.testing.assert_allclose(mean, masked_mean(values), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(Zeroed()(values, mask=MASK), zeroed)


def test_a_mask_beside_arrays_given_to_a_model():
    x = Input((5, 3))
    model = Model(x, MeanOverTime()(layers.Activation("tanh")(x)))
    values = np.random.default_rng(1).normal(size=(4, 5, 3)).astype("float32")
    np.testing.assert_allclose(
        model(values, mask=MASK), masked_mean(np.tanh(values)), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(model(values), np.tanh(values).mean(axis=1), rtol=1e-5, atol=1e-6)
    outer, mask = Input((5, 3)), Input((5,), dtype="bool")
    nested = Model([outer, mask], [model(outer, mask=mask), MeanOverTime()(outer)])
    inside, outside = nested([values, MASK])
    np.testing.assert_allclose(inside, masked_mean(np.tanh(values)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        outside, values.mean(axis=1), rtol=1e-5, atol=1e-6
    )  # the mask held inside


def test_gradients_with_a_mask():
    x = np.random.default_rng(2).normal(size=(4, 5, 3))
    assert check_layer(MeanOverTime(), x, mask=MASK).worst < 1e-6
    assert check_layer(Accumulate(), x, mask=MASK).worst < 1e-6
    source = Input((5, 3))
    model = Model(source, MeanOverTime()(layers.Dense(2, activation="tanh")(source)))
    assert check_layer(model, x, mask=MASK).worst < 1e-6
    assert check_layer(Sequential([ids(), Lookup(), Zeroed(), MeanOverTime()]), IDS).worst < 1e-6


def test_gradients_of_tensor_arguments():
    rng = np.random.default_rng(3)
    x, start = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 3))
    report = check_layer(Accumulate(), x, start=start, mask=MASK)
    assert [part.name for part in report.parts if part.name.startswith("dx")] == ["dx[0]", "dx[1]"]
    source, begin = Input((5, 3)), Input((3,))
    sums, last = Accumulate()(layers.Dense(3)(source), start=layers.Dense(3)(begin))
    model = Model([source, begin], [sums, Accumulate()(sums, start=last)[1]])
    assert check_layer(model, [x, start]).worst < 1e-6


def test_a_wrong_mask_gradient_is_found():
    class Wrong(MeanOverTime):
        def backward(self, weights, dy):
            return np.full_like(weights, 0.2)[..., np.newaxis] * dy[:, np.newaxis]

    x = np.random.default_rng(2).normal(size=(4, 5, 3))
    check_layer(Wrong(), x)
    with pytest.raises(AssertionError, match="dx"):
        check_layer(Wrong(), x, mask=MASK)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
def test_masked_steps_do_not_count_in_the_loss(reduction, weighted):
    rng = np.random.default_rng(4)
    y, p = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, 2))
    weight = rng.uniform(0.5, 2, size=4) if weighted else None
    per_step = None if weight is None else np.broadcast_to(weight[:, np.newaxis], (4, 5))[MASK]
    loss = losses.MeanSquaredError(reduction=reduction)
    expected = loss(y[MASK], p[MASK], per_step)
    value, gradient = loss.value_and_gradient(y, p, weight, MASK)
    assert value == pytest.approx(expected, rel=1e-12)
    assert loss(y, p, weight, MASK) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient[MASK], loss.backward(y[MASK], p[MASK], per_step))
    np.testing.assert_array_equal(gradient[~MASK], 0)


def test_nothing_counts_where_everything_is_masked():
    y = np.ones((2, 3, 1))
    value, gradient = losses.MeanSquaredError().value_and_gradient(y, 2 * y, mask=y[..., 0] == 0)
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)


def test_a_loss_with_a_backward_of_its_own_gets_the_mask_as_weights():
    class Own(losses.Loss):
        def call(self, y_true, y_pred):
            return ((y_true - y_pred) ** 2).mean(axis=-1)

        def backward(self, y_true, y_pred, sample_weight=None):
            return 2 * (y_pred - y_true) / y_pred.size * sample_weight[..., np.newaxis]

    rng = np.random.default_rng(5)
    y, p = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, 2))
    value, gradient = Own().value_and_gradient(y, p, mask=MASK)
    same = losses.MeanSquaredError().value_and_gradient(y, p, mask=MASK)
    assert value == pytest.approx(same[0])
    np.testing.assert_allclose(gradient, same[1])


def test_masks_reach_losses_and_metrics_in_training_and_evaluation():
    model = Sequential([ids(), Lookup(), layers.Dense(2, activation="softmax")])
    y = np.random.default_rng(6).integers(0, 2, size=(4, 5))
    model.compile(
        minidl.optimizers.SGD(1e-9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=[metrics.SparseCategoricalCrossentropy(name="ce")],
    )
    p = model.predict(IDS, verbose=0)
    weight = np.array([1.0, 2.0, 0.5, 1.0])
    per_step = np.broadcast_to(weight[:, np.newaxis], (4, 5))[MASK]
    loss = losses.SparseCategoricalCrossentropy()(y[MASK], p[MASK], per_step)
    accuracy = (p.argmax(axis=-1) == y)[MASK].mean()
    truth = np.take_along_axis(p, y[..., np.newaxis], -1)[..., 0][MASK]
    ce = np.average(-np.log(truth), weights=per_step)
    trained = model.fit(IDS, y, sample_weight=weight, verbose=0, batch_size=4).history
    evaluated = model.evaluate(IDS, y, sample_weight=weight, verbose=0, return_dict=True)
    for logs in ({k: v[0] for k, v in trained.items()}, evaluated):
        assert logs["loss"] == pytest.approx(loss, rel=1e-5)
        assert logs["accuracy"] == pytest.approx(accuracy, rel=1e-6)
        assert logs["ce"] == pytest.approx(ce, rel=1e-5)


def test_a_mask_for_a_time_axis_that_the_predictions_have_lost():
    class Last(layers.Layer):
        supports_masking = True

        def forward(self, x, training=False):
            return x[:, -1], x.shape

        def backward(self, shape, dy):
            dx = np.zeros(shape, dy.dtype)
            dx[:, -1] = dy
            return dx

    model = Sequential([ids(), Lookup(), Last()])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"mask of shape \(4, 5\) for values of shape \(4,\)"):
        model.fit(IDS, np.zeros((4, 3)), verbose=0)


def test_a_mask_of_another_shape_is_an_error():
    x = np.zeros((4, 5, 3))
    with pytest.raises(ValueError, match=r"'z' .Zeroed. received a mask of shape \(4, 6\)"):
        Zeroed(name="z")(x, mask=np.ones((4, 6), bool))
    source, mask = Input((5, 3)), Input((6,), dtype="bool")
    with pytest.raises(ValueError, match=r"mask of shape \(None, 6\).*expected \(None, 5\)"):
        Zeroed()(source, mask=mask)
    with pytest.raises(ValueError, match="3 masks for 2 inputs"):
        Accumulate()(x, start=x[:, 0], mask=[MASK, MASK, None])
    with pytest.raises(ValueError, match=r"mask of shape \(4, 6\)"):
        Model(source, Zeroed()(source))(x, mask=np.ones((4, 6), bool))


def test_a_layer_that_takes_no_mask_says_so():
    with pytest.raises(TypeError, match=r"'d' .Dense. received a mask, but its forward has no"):
        layers.Dense(2, name="d")(np.zeros((4, 5, 3)), mask=MASK)


def test_a_mask_for_the_call_of_an_inference_layer():
    class CallOnly(layers.Layer):
        supports_masking = True

        def call(self, inputs, mask=None):
            return inputs if mask is None else inputs * mask[..., np.newaxis]

    values = np.ones((4, 5, 3), "float32")
    np.testing.assert_array_equal(CallOnly()(values, mask=MASK).sum(axis=(1, 2)), 3 * MASK.sum(1))
    model = Sequential([ids(), Lookup(), CallOnly()])
    assert (model.predict(IDS, verbose=0)[~MASK] == 0).all()


def test_tensor_arguments_survive_a_configuration():
    source, begin, mask = Input((5, 3)), Input((3,)), Input((5,), dtype="bool")
    sums, last = Accumulate()(source, start=begin, mask=mask)
    again = Accumulate()(inputs=sums, start=last)
    model = Model([source, begin, mask], [*again, layers.Add()(sums, source)])
    config = model.get_config()
    (call,) = next(e for e in config["layers"] if e["name"] == again[0].node.layer.name)[
        "inbound_nodes"
    ]
    assert call["kwargs"]["start"]["config"]["keras_history"] == [last.node.layer.name, 0, 1]
    copy = Model.from_config(config, custom_objects={"Accumulate": Accumulate})
    copy.set_weights(model.get_weights())
    rng = np.random.default_rng(7)
    data = [rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 3)), MASK]
    for a, b in zip(model(data), copy(data), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_call_that_fixes_training_survives_a_configuration_and_keras_default_does_not():
    x = Input((4,))
    model = Model(x, layers.Dropout(0.5, name="drop")(x, training=False))
    config = model.get_config()
    data = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(Model.from_config(config)(data, training=True), data)
    (call,) = config["layers"][1]["inbound_nodes"]
    del call["training_is_fixed"]  # as Keras writes every Dropout
    assert (Model.from_config(config)(data, training=True) != data).any()
