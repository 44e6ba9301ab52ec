"""Functions that build models for the wrappers: in a module, so that other processes find them."""

from minidl import Input, Model, Sequential, layers, optimizers


def classifier(X, y, units=16, learning_rate=0.03):
    model = Sequential(
        [
            Input(X.shape[1:]),
            layers.Dense(units, activation="relu"),
            layers.Dense(y.shape[1], activation="softmax"),
        ]
    )
    model.compile(optimizers.Adam(learning_rate), "categorical_crossentropy")
    return model


def regressor(X, y, units=16, learning_rate=0.03):
    model = Sequential(
        [Input(X.shape[1:]), layers.Dense(units, activation="relu"), layers.Dense(y.shape[1])]
    )
    model.compile(optimizers.Adam(learning_rate), "mse")
    return model


def on_images(X, y):
    model = Sequential(
        [Input(X.shape[1:]), layers.Flatten(), layers.Dense(y.shape[1], activation="softmax")]
    )
    model.compile(optimizers.Adam(0.1), "categorical_crossentropy")
    return model


class Doubled(layers.Layer):
    """A layer of one's own."""

    def call(self, x):
        return 2 * x


class Subclassed(Model):
    """A model that does not tell how it was made."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        raise NotImplementedError("it has no configuration")
