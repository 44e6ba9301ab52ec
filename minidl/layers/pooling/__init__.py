"""Pooling: fewer places, each the maximum or the mean of a window of the places before.

windows          how windows lie along one axis; what they hold, and what comes back
pooling          what the windowed layers share: arguments, shapes, axis after axis
max_pooling average_pooling        the maximum, the mean of each window
global_pooling   one number for all of space
"""
