"""The few hot loops, and the means that make them fast; everything else is plain NumPy.

kernel        a loop in two forms, NumPy's and Numba's, and the choice between them
updates       one step of an optimizer over a piece of the parameters
dense         bias and activation behind a matrix product, and the way back
patches       shares of windows, added to the places that they saw
pooling       windows along an axis: maxima, sums, and the way back
gates         what a step of an LSTM or a GRU does behind its products
entropy       softmax and its cross-entropy in one go
memory        large arrays that are used again instead of made anew
blas          NumPy's own BLAS: a product that is added to an array
products      matrix products whose bytes do not depend on the number of threads
shares        a product that several threads of the team compute
convolutions  the same for convolutions, window by window
threads       how many threads a product is worth, measured as it runs
team          the threads that share products and loops, with `minidl[fast]`
machine       processors, and whether Numba is there

With the extra `minidl[fast]` Numba is there, and each loop is compiled when it is first needed and
kept on disk. Without it the NumPy form runs. Both give the same numbers up to round-off, which
`tests/kernels` checks for each of them.
"""

from minidl.kernels.kernel import Kernel, kernel
from minidl.kernels.machine import compiles
from minidl.kernels.memory import empty, empty_like
from minidl.kernels.products import add_product, product, sum_rows

__all__ = [
    "Kernel",
    "add_product",
    "compiles",
    "empty",
    "empty_like",
    "kernel",
    "product",
    "sum_rows",
]
