"""State of the whole process: the root of all random numbers, and the names of layers."""

from __future__ import annotations

from minidl import random


def set_random_seed(seed: int) -> None:
    """Make everything random that follows repeatable: initial weights, dropout, shuffling.

    Keras seeds Python's `random` and NumPy's global generator too. minidl draws from neither and
    so leaves them alone: seed them yourself where your own code draws from them.

    Arguments:
        seed: a non-negative integer.

    Raises:
        ValueError: if it is not.

    Example:
        >>> set_random_seed(42)
        >>> first = random.SeedGenerator().generator.random()
        >>> set_random_seed(42)
        >>> random.SeedGenerator().generator.random() == first
        True
    """
    random.set_root_seed(random.check_seed(seed))


def clear_session(free_memory: bool = True) -> None:
    """Let the automatic names of layers and models start anew at `dense`, without a number.

    There is no other global state: models are ordinary objects and go when nothing refers to
    them any more.

    Arguments:
        free_memory: whether to collect garbage right now, which frees models that are part of a
            reference cycle.
    """
    from minidl.layers import naming

    naming.reset()
    if free_memory:
        import gc

        gc.collect()
