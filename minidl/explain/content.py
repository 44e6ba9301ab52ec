"""What an explanation is made of: steps, and in each step equations, numbers and worked entries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from minidl._typing import Array


class Equation(NamedTuple):
    """A formula in letters; `aside` has what belongs to it, such as shapes or a condition."""

    text: str
    aside: str = ""


class Numbers(NamedTuple):
    """An array that was computed, under the letter that the formulas call it by.

    `axes` are the rows and columns to show of an array that has more than two.
    """

    symbol: str
    values: Array
    aside: str = ""
    axes: tuple[int, int] | None = None


class Worked(NamedTuple):
    """One entry worked through: in letters, in numbers, and what came out.

    Attributes:
        symbol: which entry, such as `"z[0, 1]"`.
        letters: its formula.
        numbers: the formula with the numbers in it.
        result: what the model computed.
        computed: what the formula gives in float64, with all digits.
    """

    symbol: str
    letters: str
    numbers: str
    result: float
    computed: float


class Note(NamedTuple):
    """A sentence."""

    text: str


Item = Equation | Numbers | Worked | Note


class Step(NamedTuple):
    """One step of the derivation.

    Attributes:
        phase: `"forward"`, `"loss"`, `"backward"` or `"update"`.
        title: whose step it is, such as `"dense (Dense)"`.
        items: what it says, in order.
    """

    phase: str
    title: str
    items: list[Any]


class Explanation:
    """A derivation with numbers, step by step: what `model.explain` returns.

    In a notebook it shows itself as a page; `print` gives the text.

    Arguments:
        title: what is explained.
        steps: the steps in order.

    Attributes:
        title, steps: as above.

    Example:
        >>> step = Step("forward", "double", [Equation("y = 2 x"), Note("That is all.")])
        >>> print(Explanation("A model", [step]).text())
        A model
        =======
        <BLANKLINE>
        FORWARD · double
            y = 2 x
            That is all.
    """

    def __init__(self, title: str, steps: list[Step]) -> None:
        self.title = title
        self.steps = steps

    def text(self) -> str:
        """Return the derivation as plain text."""
        from minidl.explain.text import render

        return render(self)

    def html(self) -> str:
        """Return the derivation as a whole HTML page, without anything from elsewhere."""
        from minidl.explain.html import page

        return page(self)

    def save(self, path: Any) -> None:
        """Write the derivation to a file: HTML where its name ends in .html, else text.

        Raises:
            OSError: if the file cannot be written.
        """
        path = Path(path)
        as_page = path.suffix.lower() in (".html", ".htm")
        path.write_text(self.html() if as_page else self.text() + "\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        from minidl.explain.html import fragment

        return fragment(self)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Explanation of {self.title}: {len(self.steps)} steps>"
