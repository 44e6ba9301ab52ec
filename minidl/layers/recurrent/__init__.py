"""Recurrent layers: a cell makes one step, and a layer runs it along a sequence.

rnn                       the layer over any cell: sequences, states, masks, directions
simple_rnn lstm gru       the cells with their gradients through time, and their layers
stacked                   several cells as one
bidirectional             two layers over one sequence, from both ends
sequence_cell cell layer  what the built-in cells, and their layers, share
stepping                  a user's own cell, step by step
projection in_place       products with dropout, and activations that overwrite
masking states            what a masked step does; the states of a cell in one list
"""
