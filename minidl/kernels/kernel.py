"""A kernel: one hot loop in two forms side by side, and the choice between them.

    @kernel
    def scale(x, factor, out):              the reference: NumPy, and what runs without Numba
        np.multiply(x, factor, out=out)

    @scale.compiled
    def _(x, factor, out):                  the same as a loop, for Numba to compile
        c = x.dtype.type(factor)
        for i in range(x.size):
            out[i] = c * x[i]

`scale(x, 2.0, out)` then runs one of them. A third part lets the threads of the `team` share the
loop over large arrays:

    @scale.shared
    def _(n, x, factor, out):               among n; `loop` is the one above
        for i in prange(n):
            a, b = share(i, n, x.size)
            loop(x[a:b], factor, out[a:b])

Numba is imported when the first kernel is first called, never by `import minidl`; what it compiled
is kept on disk for the next process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import config
from minidl.kernels.machine import compiles
from minidl.kernels.team import here, machine_code

KERNELS: list[Kernel] = []


class Kernel:
    """A function in two forms; calling it runs the one in use.

    Arguments:
        reference: the NumPy form.

    Attributes:
        reference: the NumPy form.
        loop: the form for Numba, as plain Python; None where there is none.
        division: how the team shares the loop, as plain Python; None where it does not.
    """

    worth = 1 << 15  # numbers in the first array, from which on sharing them pays

    def __init__(self, reference: Callable[..., Any]) -> None:
        self.reference = reference
        self.loop: Callable[..., Any] | None = None
        self.division: Callable[..., Any] | None = None
        self.__name__ = reference.__name__
        self.__doc__ = reference.__doc__
        self._machine_code: Callable[..., Any] | None = None
        self._shared_code: Callable[..., Any] | None = None
        self._chosen: Callable[..., Any] | None = None
        KERNELS.append(self)

    def compiled(self, loop: Callable[..., Any]) -> Callable[..., Any]:
        """Take the form that Numba compiles; a decorator."""
        self.loop = loop
        return loop

    def shared(self, division: Callable[..., Any]) -> Callable[..., Any]:
        """Take the form in which the team shares the compiled loop; a decorator."""
        self.division = division
        return division

    def __call__(self, *arguments: Any) -> Any:
        chosen = self._chosen
        if chosen is None:
            chosen = self._chosen = self.choose()
        return chosen(*arguments)

    def on(self, array: Any) -> Callable[..., Any]:
        """Return the form for arrays shaped like this one, of a kernel over flat arrays."""
        return self if array.ndim == 1 else self._flattened

    def _flattened(self, *arguments: Any) -> Any:
        arrays = [a for a in arguments if isinstance(a, np.ndarray)]
        if not all(a.flags.c_contiguous for a in arrays):
            return self.reference(*arguments)
        return self(*[a.reshape(-1) if isinstance(a, np.ndarray) else a for a in arguments])

    def choose(self) -> Callable[..., Any]:
        """Return the form that is in use now."""
        if self.loop is None or not compiles():
            return self.reference
        return self.machine_code() if self.division is None else self._alone_or_shared

    def _alone_or_shared(self, *arguments: Any) -> Any:
        if here.together and arguments[0].size >= self.worth:
            return self.shared_code()(here.count, *arguments)
        return self.machine_code()(*arguments)

    def machine_code(self) -> Callable[..., Any]:
        """Return the compiled form.

        Raises:
            ImportError: if Numba is not installed.
        """
        if self._machine_code is None:
            assert self.loop is not None
            self._machine_code = machine_code(self.loop)
        return self._machine_code

    def shared_code(self) -> Callable[..., Any]:
        """Return the compiled form that the team shares."""
        if self._shared_code is None:
            assert self.division is not None
            self._shared_code = machine_code(self.division, True, loop=self.machine_code())
        return self._shared_code

    def __repr__(self) -> str:
        return f"<Kernel {self.__name__}>"


def kernel(reference: Callable[..., Any]) -> Kernel:
    """Make a kernel of its NumPy form; a decorator."""
    return Kernel(reference)


def forget_choices() -> None:
    """Let every kernel choose anew, after `config.set_compiled_kernels`."""
    for each in KERNELS:
        each._chosen = None


config.when_kernels_change(forget_choices)
