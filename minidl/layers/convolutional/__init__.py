"""Convolutional layers: windows that move over sequences, images and volumes.

geometry     where the windows lie: sizes, strides, dilation, padding
patches      what the windows see, as a matrix
products     convolution as a matrix product, and its two gradients, for any number of axes
shared       the three of them again, from the team of threads where there is one
by_channel   the same three for channels that do not mix
base         what the layers share
convolution  transposed  depthwise  separable    the layers
"""

from minidl.layers.convolutional.convolution import Conv1D, Conv2D, Conv3D
from minidl.layers.convolutional.depthwise import DepthwiseConv1D, DepthwiseConv2D
from minidl.layers.convolutional.separable import SeparableConv1D, SeparableConv2D
from minidl.layers.convolutional.transposed import (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
)

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
]
