"""`Model`: a graph of layers between inputs and outputs, or a subclass that computes by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from minidl.layers.layer import Layer
from minidl.models import functional_config
from minidl.models.training import Trainer
from minidl.registry import constructor_signature

if TYPE_CHECKING:
    from minidl.explain import Explanation
    from minidl.models.frozen import FrozenModel


class Model(Trainer):
    """A model with any number of inputs and outputs, described by calling layers on tensors.

    A model is a layer: it can be called on arrays, and on symbolic tensors as part of another
    model. `Model(inputs, outputs)` runs the graph between the tensors. A subclass may instead
    create layers in `__init__` and write `call` alone, or `forward` and `backward`.

    Arguments:
        inputs: a tensor from `Input`, or a list or dict of them.
        outputs: a tensor that depends on them, or a list or dict of such.
        name: the model's name.
        trainable: False freezes every layer.

    Raises:
        ValueError: if an output depends on an input that is not given.
        TypeError: if inputs or outputs are not symbolic tensors.

    Example:
        >>> import numpy as np
        >>> from minidl import Input, layers
        >>> x = Input((3,))
        >>> model = Model(x, layers.Dense(2)(x))
        >>> model(np.ones((5, 3))).shape
        (5, 2)
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if (inputs is None) != (outputs is None):
            raise TypeError(
                "Received only one of inputs and outputs. Model(inputs, outputs) needs both; a "
                "subclass that writes its own forward needs neither."
            )
        if inputs is not None:
            self._set_graph(inputs, outputs)

    keras_names: ClassVar[dict[str, Any]] = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "registered_name": "Functional",
    }

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or by its index.

        Raises:
            ValueError: if both or neither is given, or there is no such layer.
        """
        if (name is None) == (index is None):
            raise ValueError(
                f"Give either a name or an index; received name={name}, index={index}."
            )
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Model {self.name!r} has {len(layers)} layers; there is none at index {index}."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        from minidl.registry import nearest

        names = [layer.name for layer in layers]
        raise ValueError(f"Model {self.name!r} has no layer {name!r}. {nearest(str(name), names)}")

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the same model with fresh weights.

        Raises:
            NotImplementedError: for a subclass, which must tell its own arguments.
        """
        if self._graph is not None and takes_tensors(type(self)):
            return functional_config.to_config(self)
        config = super().get_config()
        if not takes_tensors(type(self)):
            for name in ("inputs", "outputs"):  # the base's, which the subclass gives it by itself
                config.pop(name, None)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a model from what `get_config` returned.

        Arguments:
            custom_objects: classes of your own by name, for layers that minidl does not know.
        """
        if takes_tensors(cls) and "input_layers" in config:
            return functional_config.from_config(cls, config, custom_objects)
        return super().from_config(config)

    def to_json(self, **kwargs: Any) -> str:
        """Return the configuration as JSON, for `models.model_from_json`.

        Arguments:
            **kwargs: go to `json.dumps`.
        """
        from minidl.saving import keras_file

        return keras_file.to_json(self, **kwargs)

    # Files

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
    ) -> None:
        """Write the model to a `.keras` file: `saving.save_model`."""
        from minidl.saving import keras_file

        keras_file.save_model(self, filepath, overwrite, zipped)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights, and the optimizer's state, to a `.weights.h5` file.

        Arguments:
            filepath: a path that ends in `.weights.h5`.
            overwrite: False makes a file that is there already an error.
        """
        from minidl.saving import keras_file

        keras_file.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Take the weights of a `.weights.h5` or `.keras` file: `saving.load_weights`.

        Arguments:
            filepath: the file.
            skip_mismatch: whether layers that do not fit are left as they are, with a warning.

        Raises:
            ModelFileError: if the file is damaged or unsafe, or its weights do not fit; nothing
                has been changed then.
        """
        from minidl.saving import keras_file

        keras_file.load_weights(self, filepath, skip_mismatch)

    def explain(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        training: bool | None = None,
        show: bool = True,
    ) -> Explanation:
        """Write out what the model computes on a small batch, formula by formula, with numbers.

        Forwards through every layer, the loss and its gradient, backwards through every layer,
        and the update to come: each with its equations, shapes and arrays, and one entry worked
        through. It runs the steps of training on a copy, so nothing changes: no weight, no moving
        mean, no random stream.

        Arguments:
            x: one or a few samples, in the form in which `fit` takes them.
            y: their targets; without them there is the forward pass alone.
            sample_weight: as in `fit`.
            training: whether dropout drops, normalization looks at the batch, and the way back is
                told; by default where there is y.
            show: whether to print it. A notebook shows what is returned, as a page.

        Returns:
            An `Explanation`: `.text()`, `.html()`, `.save(path)`, and its `.steps`.

        Raises:
            ValueError: if the model is not built, or the shapes do not fit.
            RuntimeError: if there is y and the model is not compiled.
            TypeError: if the model cannot be copied, or has a `train_step` of its own.

        Example:
            >>> import numpy as np
            >>> from minidl import Input, Sequential, layers
            >>> layer = layers.Dense(1, kernel_initializer="ones", name="sum")
            >>> model = Sequential([Input((2,)), layer])
            >>> explanation = model.explain(np.array([[3.0, 4.0]]), show=False)
            >>> for line in explanation.text().splitlines()[-4:-1]:
            ...     print(line.strip())
            z[0, 0] = Σₖ x[0, k] W[k, 0] + b[0]
            = 3·1 + 4·1 + 0
            = 7
        """
        from minidl.explain import explain_model
        from minidl.utils.display import kind_of_output

        explanation = explain_model(self, x, y, sample_weight, training)
        if show and kind_of_output() != "notebook":
            print(explanation.text())
        return explanation

    def export(
        self,
        filepath: Any,
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Any = None,
        **options: Any,
    ) -> None:
        """Write what the model computes at inference to a file for other programs.

        Arguments:
            filepath: where to; the suffix says the format, such as `"model.onnx"`.
            format: the format's name, where the suffix does not say it.
            verbose: whether to print what was written.
            input_signature: shapes in place of the inputs' own, to fix sizes they leave open.
            options: what a format takes besides.

        Raises:
            ValueError: if the format is not known, or a layer does not go into it.
        """
        from minidl.export import export_model

        export_model(
            self, filepath, format, verbose=verbose, input_signature=input_signature, **options
        )

    def freeze(self) -> FrozenModel:
        """Return the model's inference as a function that many threads may call.

        It is a snapshot: training on does not change it. Batch normalization is folded into its
        neighbours and dropout is gone, so results differ from `predict`'s by round-off.

        Raises:
            ValueError: if the model is not built, computes by a method of its own rather than by
                a graph, or has a stateful layer.
        """
        from minidl.models.frozen import FrozenModel

        graph = self.unrolled_graph()
        if graph is None:
            what = (
                "it is not built yet. Give it an Input, or call it on data first."
                if self._graph is None and not self.built
                else "it computes by its own forward or call, and there is no graph of layers to "
                "be simplified. Make it with Model(inputs, outputs), or use the model itself."
            )
            raise ValueError(f"Model {self.name!r} cannot be frozen: {what}")
        return FrozenModel(self.name, graph, self._inputs, self._outputs)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers, their output shapes and their numbers of parameters.

        Arguments:
            line_length: the width in characters; the terminal's by default, or 100.
            positions: where each column ends, as growing shares of the width; by default a column
                is as wide as what stands in it.
            print_fn: takes the table as text instead of the terminal.
            expand_nested: whether the layers of nested models get rows of their own.
            show_trainable: whether a column says which layers are trained.
            layer_range: the names of the first and last layer to show, or regular expressions.
        """
        from minidl.models.summary import print_summary

        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )


def takes_tensors(cls: type[Model]) -> bool:
    """Return whether a model of this class is made from its input and output tensors."""
    own: Any = constructor_signature(cls).parameters
    return cls.__init__ is Model.__init__ or {"inputs", "outputs"} <= own.keys()
