"""The documentation is run: every Python block of the README and of docs/ must work as it stands.

The blocks of a page share one namespace, in order, like a session. Three things are asserted:

    model.count_params()  # → 21          what stands after the arrow is the value's repr, or what
                                          the statement prints; `...` stands for anything
    ```text title="Output"                what the block before printed, up to round-off
    <!-- notest: needs a download -->     before a block that cannot run here; it must only compile
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from minidl import config
from minidl.registry import snake_case

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

pytestmark = pytest.mark.skipif(
    not (ROOT / "mkdocs.yml").exists(), reason="not a full checkout: the documentation is not here"
)


class Block(NamedTuple):
    """One fenced block: its language, its options, its text, and the line it begins on."""

    language: str
    options: str
    text: str
    line: int
    runs: bool


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a Markdown page."""
    lines = text.splitlines()
    start = 0
    while start < len(lines):
        opening = re.match(r"( *)(```+)\s*(\w*)\s*(.*)$", lines[start])
        if not opening:
            start += 1
            continue
        indent, fence, language, options = opening.groups()
        end = start + 1
        while end < len(lines) and lines[end].strip() != fence:
            end += 1
        assert end < len(lines), f"the block that begins on line {start + 1} has no end"
        body = "\n".join(line.removeprefix(indent) for line in lines[start + 1 : end])
        runs = not (start and "notest" in lines[start - 1])
        yield Block(language, options, body, start + 2, runs)
        start = end + 1


ARROW = re.compile(r"#\s*→ (.*)$")


def expected_values(text: str) -> dict[int, str]:
    """Return what stands after an arrow, by line number."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := ARROW.search(line):
            found[number] = match.group(1).strip()
    return found


NUMBER = re.compile(r"(?<![\w.])-?\d+\.?\d*(?:e[-+]?\d+)?(?![\w.]*\w)")


def agrees(received: str, expected: str) -> bool:
    """Return whether a text is as expected; `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, received.rstrip(), re.DOTALL) is not None


def nearly_agrees(received: str, expected: str) -> bool:
    """Return whether a printed line is as expected, up to round-off.

    Numbers agree to six digits, or if both are below a millionth: errors of 1e-11 and 3e-12 are
    both as good as none.
    """
    numbers: list[float] = []
    parts = []
    for part in expected.split("..."):
        numbers += [float(n) for n in NUMBER.findall(part)]
        parts.append(NUMBER.sub("\0", part))
    number = f"({NUMBER.pattern})"
    pattern = "(?:.*?)".join(re.escape(part).replace("\0", number) for part in parts)
    # A number may be narrower than the one expected, and then stand behind more spaces.
    pattern = re.sub(r"(?:\\ )+", lambda _: r"\ +", pattern)
    match = re.fullmatch(pattern, received.rstrip(), re.DOTALL)
    if match is None:
        return False
    pairs = zip(match.groups(), numbers, strict=True)
    return all(
        abs(float(a) - b) <= 1e-6 * max(abs(b), abs(float(a))) or max(abs(float(a)), abs(b)) < 1e-6
        for a, b in pairs
    )


def shown(value: Any) -> str:
    """Return a value's repr; a NumPy scalar counts as the number that it is."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def run_block(block: Block, namespace: dict[str, Any], where: str) -> str:
    """Run one block, compare the values after arrows, and return what it printed."""
    expected = expected_values(block.text)
    tree = ast.parse(block.text)
    ast.increment_lineno(tree, block.line - 1)  # so that a traceback names the page's own line
    printed = io.StringIO()
    for node in tree.body:
        last = node.end_lineno or node.lineno
        arrows = {n for n in expected if node.lineno <= n + block.line - 1 <= last}
        before = printed.tell()
        value = None
        with contextlib.redirect_stdout(printed):
            if isinstance(node, ast.Expr):
                value = eval(compile(ast.Expression(node.value), where, "eval"), namespace)
            else:
                exec(compile(ast.Module([node], []), where, "exec"), namespace)
        for number in arrows:
            line = number + block.line - 1
            assert isinstance(node, ast.Expr), f"{where}:{line}: an arrow after a statement"
            received = shown(value) if value is not None else printed.getvalue()[before:].rstrip()
            wanted = expected.pop(number)
            assert agrees(received, wanted), f"{where}:{line}: {received!r} is not {wanted!r}"
    assert not expected, f"{where}:{block.line}: arrows that belong to nothing: {expected}"
    return printed.getvalue()


def check_output(block: Block, printed: str, where: str) -> None:
    """Compare what the block before printed with an output block."""
    received, wanted = printed.rstrip().splitlines(), block.text.rstrip().splitlines()
    assert len(received) == len(wanted), (
        f"{where}:{block.line}: printed {len(received)} lines, not {len(wanted)}:\n{printed}"
    )
    for number, (line, expected) in enumerate(zip(received, wanted, strict=True)):
        assert nearly_agrees(line, expected.rstrip()), (
            f"{where}:{block.line + number}: printed {line!r}, not {expected!r}"
        )


def run_page(text: str, where: str) -> int:
    """Run every Python block of a page in one namespace; return how many ran."""
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    printed: str | None = None
    ran = 0
    for block in blocks(text):
        if block.language == "python":
            if block.runs:
                printed = run_block(block, namespace, where)
                ran += 1
            else:
                compile(block.text, where, "exec")
        elif 'title="Output"' in block.options:
            assert printed is not None, f"{where}:{block.line}: an output before any block"
            check_output(block, printed, where)
    return ran


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    floatx, epsilon, finite = config.floatx(), config.epsilon(), config.check_finite()
    try:
        run_page(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())
        assert (config.floatx(), config.epsilon(), config.check_finite()) == (
            floatx,
            epsilon,
            finite,
        ), "a page must put back what it changes for the whole process"
    finally:
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_check_finite(finite)


# The runner itself: a test that cannot fail is a defect.


def page_of(*parts: str) -> str:
    return "\n".join(parts)


def test_a_wrong_value_is_noticed() -> None:
    with pytest.raises(AssertionError, match="page:2"):
        run_page(page_of("```python", "1 + 1  # → 3", "```"), "page")


def test_a_wrong_print_is_noticed() -> None:
    with pytest.raises(AssertionError, match="page:2"):
        run_page(page_of("```python", "print('a')  # → b", "```"), "page")


def test_a_wrong_output_block_is_noticed() -> None:
    code = ("```python", "print('a')", "print('b')", "```")
    good = page_of(*code, '```text title="Output"', "a", "...", "```")
    assert run_page(good, "page") == 1
    for wrong in (("a", "c"), ("a",), ("a", "b", "c")):
        with pytest.raises(AssertionError, match=r"page:[67]"):
            run_page(page_of(*code, '```text title="Output"', *wrong, "```"), "page")


def test_printed_numbers_agree_up_to_round_off() -> None:
    assert nearly_agrees("loss 0.30000001  error  2e-11", "loss 0.3 error 7.1e-12")
    assert not nearly_agrees("loss 0.301", "loss 0.3")
    assert not nearly_agrees("error 2e-5", "error 7e-12")
    assert not nearly_agrees("x[2]", "x[3]")
    assert not agrees("0.1289005239", "0.1289005238")


def test_an_error_names_the_line_of_the_page() -> None:
    with pytest.raises(ZeroDivisionError) as error:
        run_page(page_of("text", "", "```python", "x = 1", "x / 0", "```"), "page")
    assert error.traceback[-1].lineno + 1 == 5


def test_blocks_share_a_namespace_and_notest_is_not_run() -> None:
    first = ("```python", "x = 2", "```")
    skipped = ("<!-- notest: would fail -->", "```python", "1 / 0", "```")
    last = ("```python", "x  # → 2", "```")
    assert run_page(page_of(*first, *skipped, *last), "page") == 2


# What the pages name must exist.


def named_paths(text: str) -> set[str]:
    """Return the files of the project that a page names in backticks or links to by path."""
    return set(re.findall(r"`((?:minidl|tests|docs|benchmarks|\.ci)/[\w./-]*)`", text))


def named_objects(text: str) -> set[str]:
    """Return the dotted names in backticks that begin with `minidl.`."""
    prose = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"`(minidl(?:\.[A-Za-z_]\w*)+)(?:\([^`]*\))?`", prose)
    return set(found + re.findall(r"^::: (\S+)$", prose, flags=re.MULTILINE))


def resolve(name: str) -> Any:
    """Return what a dotted name stands for; a module is tried before an attribute."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            value = getattr(value, part)
        return value
    raise AssertionError(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_what_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [path for path in sorted(named_paths(text)) if not (ROOT / path).exists()]
    assert not missing, f"{page.name} names files that do not exist: {missing}"
    for name in sorted(named_objects(text)):
        resolve(name)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")]
    assert not [page for page in pages if page not in navigation]


def test_readme_has_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    setup = "python3 -m venv .venv && .venv/bin/pip install"
    assert f'{setup} ".[plot]" && .venv/bin/minidl reproduce\n' in readme
    assert f'{setup} -e ".[test]" && .venv/bin/pytest -n auto\n' in readme


def differentiable_names() -> list[str]:
    """Return the name by which a derivation must speak of each public class with a gradient."""
    from minidl import activations, layers, losses, regularizers

    def public(module: Any, base: type) -> list[type]:
        members = (m for name, m in vars(module).items() if not name.startswith("_"))
        return [m for m in members if isinstance(m, type) and issubclass(m, base) and m is not base]

    found = public(layers, layers.Layer) + public(losses, losses.Loss)
    found += public(regularizers, regularizers.Regularizer)
    names = [cls.__name__ for cls in found]
    names += [snake_case(cls.__name__) for cls in public(activations, activations.Activation)]
    without = {"InputLayer"}  # it has no gradient
    without |= {"FunctionLoss", "FunctionRegularizer", "function_activation"}  # autodiff finds it
    without |= {"IntegerLookup", "StringLookup", "TextVectorization"}  # these have no gradient
    return sorted(set(names) - without)


@pytest.mark.parametrize("name", differentiable_names())
def test_every_gradient_is_derived(name: str) -> None:
    pages = (DOCS / "gradients").glob("*.md")
    assert any(re.search(rf"\b{name}\b", page.read_text(encoding="utf-8")) for page in pages), (
        f"{name} has a gradient, and no page of docs/gradients/ derives it"
    )
