"""`keras.ops` by NumPy: a layer written with it runs here once its import line is changed.

    from keras import ops      →      from minidl import ops

Every function takes arrays, parameters and traced arrays, so that what a layer's `call` computes
has a gradient (`minidl.autodiff`). In code of your own NumPy itself does as well.

    core            shape cast convert_to_tensor scatter slice cond while_loop fori_loop ...
    numbers         what NumPy has too, under Keras's names and with its argument order
    neural          relu softmax one_hot conv max_pool categorical_crossentropy ...
    linear          norm inv solve det cholesky eigh qr svd
"""

from __future__ import annotations

from minidl.ops import core, linear, neural, numbers
from minidl.ops.core import *  # noqa: F403
from minidl.ops.linear import *  # noqa: F403
from minidl.ops.neural import *  # noqa: F403
from minidl.ops.numbers import *  # noqa: F403

__all__ = sorted({*core.__all__, *linear.__all__, *neural.__all__, *numbers.__all__})
