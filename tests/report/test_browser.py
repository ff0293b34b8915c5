"""The report in a real browser: silent, asking for nothing; it sorts, fits a phone, and has a dark side."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.browser import Browser, open_browser

FIRST_CELLS = "[...document.querySelector('table').tBodies[0].rows].map(row => row.cells[0].innerText)"
AUC = "table th:nth-child(5) button"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_it_loads_in_silence_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.show(page)
    assert browser.complaints() == []
    asked = browser.requests()
    assert page.as_uri() in asked
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert browser.run("return document.querySelectorAll('figure svg').length") == 10
    assert browser.run("return window.hacked === undefined")
    # The page's policy holds even for a script that got in.
    browser.run("document.body.append(Object.assign(document.createElement('script'), {text: 'window.hacked=1'}))")
    browser.run(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'https://example.org/a'}))"
    )
    assert browser.run("return window.hacked === undefined")
    assert len(browser.complaints()) == 2


def test_a_heading_sorts_by_mouse_and_by_keyboard(browser: Browser, page: Path) -> None:
    browser.show(page)
    as_it_comes = models(browser)
    assert [name[:3] for name in as_it_comes] == ["a_g", "zz_", "FCN"]
    browser.press(AUC, "\ue007")  # Enter
    best_first = models(browser)
    assert best_first == as_it_comes
    assert browser.run(f"return document.querySelector('{AUC}').closest('th').ariaSort") == "descending"
    browser.press(AUC)
    assert models(browser) == best_first[::-1]
    assert browser.run("return document.querySelectorAll('th[aria-sort]').length") == 1
    # A column in which the published row has no value: it is last in either order.
    for _ in range(2):
        browser.press("table th:nth-child(4) button")
        assert models(browser)[-1] == "FCN, as published"
    assert browser.complaints() == []


def test_tables_are_copied(browser: Browser, page: Path) -> None:
    browser.show(page)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    browser.press("button[data-copy='s1-latex']")
    label = "return document.querySelector(\"button[data-copy='s1-latex']\").textContent"
    script = "const done = arguments[0]; setTimeout(() => done(), 300)"
    browser.driver.execute_async_script(script)
    assert browser.run(label) in ("Copied", "Press Ctrl+C")
    assert "\\toprule" in browser.run("return document.getElementById('s1-latex').textContent")


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_it_fits_the_screen(width: int, browser: Browser, page: Path) -> None:
    browser.show(page, width=width)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    wide = "return [...document.querySelectorAll('h1, h2, p, figure, dd, .scroll, pre')]"
    edges = browser.run(wide + ".map(e => e.getBoundingClientRect().right)")
    assert max(edges) <= width
    assert browser.run("return document.querySelector('figure svg text').getBoundingClientRect().height") >= 8


def test_dark_and_light(browser: Browser, page: Path) -> None:
    light, dark = (brightness(browser, page, dark=dark) for dark in (False, True))
    assert light > 200
    assert dark < 80
    ink = "return getComputedStyle(document.querySelector('figure svg text')).fill"
    red = int(browser.run(ink).partition("(")[2].partition(",")[0])
    assert red > 200, "the text of plots is light on a dark page"


def models(browser: Browser) -> list[str]:
    """The first column of the first table, from top to bottom."""
    return [name.split("\n")[0] for name in browser.run(f"return {FIRST_CELLS}")]


def brightness(browser: Browser, page: Path, *, dark: bool) -> float:
    """Mean grey value of the first plot on the screen."""
    browser.show(page, dark=dark)
    box = browser.run("return document.querySelector('figure svg').getBoundingClientRect().toJSON()")
    clip = {key: box[key] for key in ("x", "y", "width", "height")} | {"scale": 1}
    shot = browser.command("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as image:
        return float(np.asarray(image.convert("L")).mean())
