"""A line to be found, and a model that can."""

import numpy as np

from minidl import Input, Sequential, layers, optimizers


def linear_model(units=1, features=3, **compile_options):
    model = Sequential([Input((features,)), layers.Dense(units)])
    options = {"optimizer": optimizers.SGD(0.1), "loss": "mse", **compile_options}
    model.compile(**options)
    return model


def regression(rng, samples=64, features=3):
    x = rng.normal(size=(samples, features)).astype("float32")
    return x, (x @ np.arange(1, features + 1, dtype="float32"))[:, None]
