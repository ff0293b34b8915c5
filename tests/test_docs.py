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
