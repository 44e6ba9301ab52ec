"""matplotlib figures without pyplot: no window, no global state, and shown by a notebook."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """Return an empty figure of a size in inches.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'Pictures need matplotlib, which is not installed: pip install "minidl[plot]".'
        ) from error
    figure: Figure = _picture()(figsize=(width, height), layout=layout)
    if layout == "constrained" and (engine := figure.get_layout_engine()) is not None:
        engine.set(w_pad=0.08, h_pad=0.06)  # type: ignore[call-arg]
    return figure


@cache
def _picture() -> Any:
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows, also where it does not know matplotlib's."""

        def _repr_png_(self) -> bytes:
            import io

            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    Picture.__name__ = Picture.__qualname__ = "Figure"
    return Picture
