"""The site is built without a warning, whole, and asks no other host for anything."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from pd4ml import Dataset

pytest.importorskip("sphinx")

import site_pages
from test_docstrings import MODULES

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


class Page(HTMLParser):
    """What a page loads, what it links to, and the names that one can link to on it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attributes if value}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon") and "href" in found:
            self.loads.append(found["href"])
        elif tag in ("img", "script", "iframe", "source", "video", "object") and "src" in found:
            self.loads.append(found["src"])


@pytest.fixture(scope="module")
def site() -> Path:
    """As `make docs` builds it; tutorials that have not changed since the last build are not run again."""
    target = ROOT / "docs" / "_build" / "html"
    command = ["-m", "sphinx", "-b", "html", "-E", "-W", "--keep-going", "--quiet", "-d", "docs/_build/doctrees"]
    done = subprocess.run(
        [sys.executable, *command, "docs", str(target)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in site.rglob("*.html")}


@pytest.mark.slow
def test_what_one_comes_for_is_there(site: Path) -> None:
    landing = (site / "index.html").read_text()
    for drawer in ("tutorials", "how_to", "reference", "explanations"):
        assert f'href="{drawer}/index.html"' in landing
    assert (site / "searchindex.js").stat().st_size > 10_000
    assert (site / "search.html").exists()
    for dataset in Dataset.datasets_register:
        if dataset.__module__.startswith("pd4ml."):
            assert (site / "datasets" / f"{dataset.name}.html").exists()
            assert (site / "explanations" / "physics" / f"{dataset.name}.html").exists()
    assert "pd4ml leaderboard add" in (site / "reference" / "command_line.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_was_run(site: Path, name: str) -> None:
    page = (site / "tutorials" / f"{name}.html").read_text()
    assert "sphx-glr-script-out" in page, "it printed nothing"
    assert f"sphx_glr_{name}_001" in page, "it drew nothing"


@pytest.mark.slow
def test_every_public_name_has_a_place(pages: dict[Path, Page]) -> None:
    ids = {name for page in pages.values() for name in page.ids}
    for module in map(importlib.import_module, site_pages.MODULES):
        for name in module.__all__:
            value = getattr(module, name)
            places = {f"{module.__name__}.{name}"}
            for other in map(importlib.import_module, site_pages.MODULES):
                places |= {f"{other.__name__}.{n}" for n in other.__all__ if getattr(other, n) is value}
            assert places & ids, f"{module.__name__}.{name}"


def test_every_documented_module_has_a_page() -> None:
    assert set(MODULES) <= set(site_pages.MODULES)


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for file, page in pages.items():
        outside = [url for url in page.loads if urlparse(url).netloc]
        assert not outside, f"{file.relative_to(site)}: {outside}"
    for file in site.rglob("*.css"):
        outside = re.findall(r"(?:url\(|@import )['\"]?((?:https?:)?//[^'\")]+)", file.read_text())
        assert not outside, f"{file.relative_to(site)}: {outside}"


@pytest.mark.slow
def test_links_within_the_site_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    wrong = []
    for file, page in pages.items():
        for link in page.links:
            url = urlparse(link)
            if url.scheme or url.netloc:
                continue
            there = (file.parent / unquote(url.path)).resolve() if url.path else file
            if not there.exists() or (
                url.fragment and there in pages and unquote(url.fragment) not in pages[there].ids
            ):
                wrong.append(f"{file.relative_to(site)}: {link}")
    assert not wrong, wrong[:20]
