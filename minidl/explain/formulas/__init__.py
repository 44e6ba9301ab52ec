"""The formulas of the layers, a file a family: what `forward` and `backward` compute, in numbers.

A formula is a pair of functions of a `Call`; each yields equations, arrays and an entry worked
through. `table.py` says which layer has which. A layer without one gets `generic.py`'s, which
reads the equations from the docstring.
"""
