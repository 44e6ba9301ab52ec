"""Layers: the steps that models are made of.

layer                    the contract: forward, backward, build, and what a call does
parameter                an array that a layer owns, and its gradient
input_layer              Input, where a model begins
dense                    the fully connected layer
activation_layers prelu  activations as layers of their own
dropout noise            random in training, the identity at inference
*_normalization          by the batch, the sample, its groups, its size
rescaling normalization  data into a range that trains well
reshaping identity       numbers moved about, or not at all
merging concatenate dot  several inputs into one
"""

from minidl.layers.activation_layers import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.batch_normalization import BatchNormalization
from minidl.layers.concatenate import Concatenate, concatenate
from minidl.layers.dense import Dense
from minidl.layers.dot import Dot, dot
from minidl.layers.dropout import (
    AlphaDropout,
    Dropout,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from minidl.layers.group_normalization import GroupNormalization
from minidl.layers.identity import Identity
from minidl.layers.input_layer import Input, InputLayer
from minidl.layers.input_spec import InputSpec
from minidl.layers.layer import Layer
from minidl.layers.layer_normalization import LayerNormalization
from minidl.layers.merging import (
    Add,
    Average,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    maximum,
    minimum,
    multiply,
    subtract,
)
from minidl.layers.noise import GaussianDropout, GaussianNoise
from minidl.layers.normalization import Normalization
from minidl.layers.parameter import Parameter
from minidl.layers.prelu import PReLU
from minidl.layers.rescaling import Rescaling
from minidl.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from minidl.layers.rms_normalization import RMSNormalization
from minidl.layers.unit_normalization import UnitNormalization

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "AlphaDropout",
    "Average",
    "BatchNormalization",
    "Concatenate",
    "Dense",
    "Dot",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "Parameter",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Subtract",
    "UnitNormalization",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
