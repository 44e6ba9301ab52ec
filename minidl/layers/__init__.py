"""Layers: the steps that models are made of.

layer                    the contract: forward, backward, build, and what a call does
parameter                an array that a layer owns, and its gradient
input_layer              Input, where a model begins
dense                    the fully connected layer
convolutional            windows that move: convolutions of all kinds
activation_layers prelu  activations as layers of their own
dropout noise            random in training, the identity at inference
*_normalization          by the batch, the sample, its groups, its size
rescaling normalization  data into a range that trains well
pooling/                 windows of an image or a sequence, each made one number
spatial/                 upsampling, zero padding, cropping
image/                   images resized, and changed at random in training
embedding masking        indices into vectors, and which steps of a sequence count
time_distributed         one layer for every step
lambda_layer             any function
recurrent/               sequences, step by step
reshaping identity       numbers moved about, or not at all
merging concatenate dot  several inputs into one
categorical              categories and texts into integers and vectors
attention                steps that gather from the steps that they look at
"""

from minidl.layers.activation_layers import ELU, Activation, LeakyReLU, ReLU, Softmax
from minidl.layers.attention import (
    AdditiveAttention,
    Attention,
    GroupQueryAttention,
    MultiHeadAttention,
)
from minidl.layers.batch_normalization import BatchNormalization
from minidl.layers.categorical import (
    CategoryEncoding,
    Discretization,
    IntegerLookup,
    StringLookup,
    TextVectorization,
)
from minidl.layers.concatenate import Concatenate, concatenate
from minidl.layers.convolutional import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from minidl.layers.dense import Dense
from minidl.layers.dot import Dot, dot
from minidl.layers.dropout import (
    AlphaDropout,
    Dropout,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from minidl.layers.embedding import Embedding
from minidl.layers.group_normalization import GroupNormalization
from minidl.layers.identity import Identity
from minidl.layers.image.random_affine import RandomRotation, RandomTranslation, RandomZoom
from minidl.layers.image.random_color import RandomBrightness, RandomContrast
from minidl.layers.image.random_crop import RandomCrop
from minidl.layers.image.random_flip import RandomFlip
from minidl.layers.image.resizing import CenterCrop, Resizing
from minidl.layers.input_layer import Input, InputLayer
from minidl.layers.input_spec import InputSpec
from minidl.layers.lambda_layer import Lambda
from minidl.layers.layer import Layer
from minidl.layers.layer_normalization import LayerNormalization
from minidl.layers.masking import Masking
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
from minidl.layers.pooling.average_pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
)
from minidl.layers.pooling.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from minidl.layers.pooling.max_pooling import MaxPooling1D, MaxPooling2D, MaxPooling3D
from minidl.layers.prelu import PReLU
from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.gru import GRU, GRUCell
from minidl.layers.recurrent.lstm import LSTM, LSTMCell
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from minidl.layers.recurrent.stacked import StackedRNNCells
from minidl.layers.rescaling import Rescaling
from minidl.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from minidl.layers.rms_normalization import RMSNormalization
from minidl.layers.spatial.cropping import Cropping1D, Cropping2D, Cropping3D
from minidl.layers.spatial.up_sampling import UpSampling1D, UpSampling2D, UpSampling3D
from minidl.layers.spatial.zero_padding import ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from minidl.layers.time_distributed import TimeDistributed
from minidl.layers.unit_normalization import UnitNormalization

# Keras's other names.
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupQueryAttention",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Parameter",
    "Permute",
    "RMSNormalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
