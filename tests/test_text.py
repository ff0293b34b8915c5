"""Text for people: lines that are wrapped, facts in a notebook."""

from __future__ import annotations

import pytest

from pd4ml import TopTagging
from pd4ml.text import html_facts, put_between, wrapped

PATH = "/a/folder/that/is/longer/than/thirty/characters/record.json"


@pytest.mark.parametrize("width", [30, 80, 200])
def test_long_lines_are_wrapped_and_words_are_not(width: int) -> None:
    text = wrapped(
        f"  some words before {PATH} and some more words after it that make a long line\n\nnext", width, "  "
    )
    first, *others, empty, last = text.splitlines()
    assert (empty, last) == ("", "next")
    assert PATH in text
    assert first.startswith("  some")
    assert all(line.startswith("    ") for line in others)
    assert all(len(line) <= width or line.strip() == PATH for line in text.splitlines())


def test_without_a_width_nothing_is_wrapped() -> None:
    text = "word " * 100
    assert wrapped(text, None) == text


@pytest.mark.parametrize("width", [60, 80])
def test_a_card_fits_its_width_and_loses_nothing(width: int) -> None:
    card = TopTagging.card
    shown = card.describe(width)
    assert max(map(len, shown.splitlines())) <= width
    assert shown.split() == card.describe().split()
    assert any(line == f"task: {card.task}" for line in shown.splitlines())


def test_facts_are_escaped() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m&\"'"
    text = html_facts(hostile, [(hostile, hostile), ("long", "x" * 5000)])
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    assert "\x1b" not in text
    assert len(text) < 2000


def test_text_between_markers_is_replaced() -> None:
    assert put_between("a [ old ] b ]", "[", "new", "]") == "a [\n\nnew\n\n] b ]"


@pytest.mark.parametrize("text", ["a ]", "a [", "] a ["])
def test_without_markers_nothing_is_replaced(text: str) -> None:
    with pytest.raises(ValueError, match="no text between"):
        put_between(text, "[", "new", "]")
