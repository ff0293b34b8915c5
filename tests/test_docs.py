"""Pages that follow from the code are what the code says, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import make_pages
import site_pages

ROOT = Path(__file__).parents[1]
BUILT = {
    ROOT / "docs" / name for name in (*site_pages.mirrored(), site_pages.COMMAND_LINE)
}  # copies, with the site
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")} - BUILT)


def test_written_pages_are_current() -> None:
    for path, text in make_pages.pages().items():
        assert path.read_text() == text, f"run python docs/make_pages.py: {path.name} is not current"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_in_pages_parses(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(block, str(page), "exec")


ITEMS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs" / "explanations" / "white_papers.md").read_text().splitlines()
    if re.match(r"\| .* \| (ML|GNN|Sim|UQ)[^|]* \| (yes|in part|not yet) \|", line)
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: str(item[0])[:40])
def test_what_white_papers_ask_for_is_shown_or_not_claimed(item: list[str]) -> None:
    """Each item leads to a page or a test that is there, or says that it is not done."""
    _, _, here, shown = (*item, "")[:4]
    tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", shown)
    assert bool(shown.strip(" |")) == (here != "not yet")
    assert here == "not yet" or tests or "](" in shown
    assert ("not yet" in shown) <= (here == "in part" or "hypergraphs" in shown)
    for file, name in tests:
        assert f"def {name}" in (ROOT / file).read_text(), f"{file}: {name}"


def test_all_items_of_white_papers_are_looked_at() -> None:
    rows = (ROOT / "docs" / "explanations" / "white_papers.md").read_text().count("\n| ")
    assert len(ITEMS) == 33
    assert rows == len(ITEMS) + (2 + 4) + 4 * 2  # the reports and their header, four headers of two lines
