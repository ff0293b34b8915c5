from __future__ import annotations

import re

import numpy as np
import pytest

from helpers.records import example_record
from pd4ml.card import Measurement, PublishedScore
from pd4ml.report import plots
from pd4ml.report.groups import sections
from pd4ml.report.runs import Outputs
from pd4ml.report.style import house_style, line, new_figure, picture, plain_text


def shower(seed: int, bias: float) -> Outputs:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(600, 1000, 500)
    return Outputs(truth + rng.normal(bias, 30, 500), truth)


def test_regression() -> None:
    outputs = {"fcn": [shower(1, 0), shower(2, 1)], "graph_net": [shower(3, 50)]}
    with house_style():
        first = plots.residuals("r", outputs, "xmax", "g/cm2")
        second = plots.residuals_by_truth("b", outputs, "xmax", "g/cm2")
    for label in ("fcn", "graph_net", "xmax: predicted - true [g/cm2]"):
        assert f">{label}<" in first.svg
    for label in ("fcn", "graph_net", "bias [g/cm2]", "resolution [g/cm2]", "true xmax [g/cm2]"):
        assert f">{label}<" in second.svg
    assert first.pdf.startswith(b"%PDF")
    assert second.png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "text", ["$x", "a$b$c", "_hidden", "\\frac{", "a\x00b\n\u202ec", "<svg onload=x>", "é漢", "x" * 500, ""]
)
def test_any_text_is_drawn_as_it_is(text: str) -> None:
    with house_style():
        figure, axes = new_figure()
        axes.plot([0, 1], [0, 1], label=plain_text(text))
        axes.legend()
        svg = picture(figure, "any", "").svg
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", svg)[-1]
    assert "<svg onload" not in svg
    assert len(drawn) <= 60
    if text.isalnum() and len(text) < 40:
        assert drawn == text
    if "$" in text or text.startswith("_"):
        assert drawn.strip() == text


def test_colours_are_those_of_the_page_and_ids_its_own() -> None:
    with house_style():
        figure, axes = new_figure()
        axes.plot([0, 2], [0, 1], **line(0))
        axes.set_xlim(0, 1)
        svg = picture(figure, "name", "").svg
    assert "var(--c0)" in svg
    assert "#1b1b1f" not in svg
    ids = re.findall(r' id="([^"]*)"', svg)
    assert ids
    assert all(i.startswith("name-") for i in ids)
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg)) == set(ids)


def test_curves_differ_by_more_than_colour() -> None:
    styles = [line(i) for i in range(12)]
    assert len({str(style["linestyle"]) for style in styles[:5]}) == 5
    assert len({str(style) for style in styles}) == 12


def test_learning_curves() -> None:
    records = [
        example_record(
            seed=seed,
            events={"train": n, "valid": 0, "test": 50},
            metrics={"auc": Measurement(1 - 10 / n + 0.01 * seed, 0.01)},
        )
        for n in (50, 200, 800)
        for seed in (1, 2)
    ]
    (section,) = sections(records)
    published = [PublishedScore("GraphNet", {"auc": Measurement(0.9, 0.01)}, "arXiv:0", 5000)]
    published.append(PublishedScore("trained on who knows what", {"auc": Measurement(0.9, 0.01)}, "arXiv:0"))
    with house_style():
        shown = plots.learning_curves("l", section.learning_curves, "auc", published=published)
    for label in ("training events", "AUC", records[0].recipe["name"], "GraphNet, published"):
        assert f">{label}<" in shown.svg
    assert "who knows" not in shown.svg
    assert "(arXiv:0): on other events" in shown.caption
