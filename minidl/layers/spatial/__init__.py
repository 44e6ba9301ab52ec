"""Layers that change how many places there are in space: more of them, fewer, or zeros around.

spatial          what they share: ranks, data formats, margins
up_sampling      each place repeated, or places between places
zero_padding cropping      places added and taken away; each is the other's backward
interpolation    resizing an axis as a matrix, for up_sampling and for images
"""
