"""The page: what is on it, that it is one file, and that nothing a record says can become a part of it."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers.records import example_record
from helpers.runs import make_events, make_run
from pd4ml.benchmark.record import Record
from pd4ml.cli import app
from pd4ml.report.html import write_report
from pd4ml.training import load_recipe

VOID = {"meta", "link", "img", "br", "wbr", "input"}


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    return page.read_text()


class Outline(HTMLParser):
    """Tags that are open, to see that all are closed; elements, attributes and headings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def test_all_parts_are_there(text: str) -> None:
    outline = Outline(text)
    assert outline.open == []
    # Rejection, ROC, reliability, training; scores and confusion of two models; an example of each class.
    assert outline.count("figure") == outline.count("svg") == 4 + 4 + 2
    downloads = [a["href"] or "" for tag, a in outline.elements if tag == "a" and "download" in a]
    assert sum(href.startswith("data:application/pdf;base64,JVBERi0") for href in downloads) == 10
    assert sum(href.startswith("data:image/png;base64,iVBORw0KGgo") for href in downloads) == 10
    assert outline.count("table") == 2
    for part in ("spread 0.", r"\begin{tabular}", "fingerprint", "validation_fraction", "Seed 2"):
        assert part in text


def test_it_needs_nothing_from_elsewhere(text: str) -> None:
    for tag, attributes in Outline(text).elements:
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name)
        assert not any(name.startswith("on") for name in attributes), tag
    assert not re.search(r"@import|https?://", text)
    assert not [u for u in re.findall(r"url\(([^)]*)\)", text) if not u.startswith("#")]
    assert "default-src 'none'" in text


def test_it_can_be_read_aloud(text: str) -> None:
    elements = Outline(text).elements
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(set(ids)) == len(ids)
    assert all(a.get("scope") in ("col", "row") for tag, a in elements if tag == "th")
    assert all(a.get("aria-label") for _, a in elements if a.get("role") == "img")
    assert {a["aria-labelledby"] for _, a in elements if "aria-labelledby" in a} <= set(ids)
    levels = [int(tag[1]) for tag, _ in elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert ("html", {"lang": "en"}) in elements


def test_the_same_records_give_the_same_page(text: str, runs: list[Record], data: Path, tmp_path: Path) -> None:
    write_report(runs[::-1], tmp_path / "again.html", data)
    assert (tmp_path / "again.html").read_text() == text


def test_several_processes_give_the_same_page(tmp_path: Path) -> None:
    facts = example_record().dataset
    records = [example_record(dataset={**facts, "name": name}, folder=tmp_path) for name in ("Nobodys", "NorThis")]
    (tmp_path / "history.csv").write_text("epoch,train_loss,valid_loss\n1,0.7,0.6\n2,0.5,0.5\n")
    for workers in (1, 2):
        write_report(records, tmp_path / f"{workers}.html", workers=workers)
    assert (tmp_path / "1.html").read_text().count("<svg") == 2
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()


def test_plots_show_the_best_of_many_models(tmp_path: Path) -> None:
    records = []
    for i in range(8):
        record = example_record()
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "history.csv").write_text("epoch,train_loss,valid_loss\n1,0.7,0.6\n2,0.5,0.5\n")
        auc = replace(record.metrics["auc"], value=0.9 + 0.01 * (i % 5) + 0.001 * i)
        recipe = {**record.recipe, "name": f"model_{i}"}
        records.append(replace(record, recipe=recipe, metrics={**record.metrics, "auc": auc}, folder=folder))
    write_report(records, tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text()
    assert "Of 8 models the plots show the best 6; tables have all." in text
    (picture,) = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    shown = [i for i in range(8) if f">model_{i}<" in picture]
    assert shown == [1, 2, 3, 4, 6, 7]
    assert all(f"model_<wbr>{i}" in text or f"model_{i}" in text for i in range(8))


def test_what_a_record_says_stays_text(text: str) -> None:
    outline = Outline(text)
    assert {tag: outline.count(tag) for tag in ("script", "style", "img", "iframe")} == {
        "script": 1,
        "style": 1,
        "img": 0,
        "iframe": 0,
    }
    assert text.count("&lt;script&gt;window.hacked=1") >= 10


def test_an_unknown_dataset_of_any_name_gives_its_table(tmp_path: Path) -> None:
    record = example_record(dataset={**example_record().dataset, "name": "<b>new", "unit": "<i>"})
    write_report([record], tmp_path / "out.html", tmp_path)
    text = (tmp_path / "out.html").read_text()
    assert "The dataset &lt;b&gt;new is not known here: its plots that need truth are left out" in text
    assert "0.9681 ± 0.0012" in text


def test_provenance_says_what_was_done_and_no_more(tmp_path: Path) -> None:
    """Trees have no optimiser; a drawn setting has no default."""
    made = {"config": {"scale": 1.2345}, "draw": {"scale": "uniform:0.9,1.1"}, "draw_events": {"scale": 1}}
    record = example_record(
        recipe=load_recipe("gbdt").to_dict(), dataset={**example_record().dataset, "provenance": made}
    )
    write_report([record], tmp_path / "out.html", tmp_path)
    text = (tmp_path / "out.html").read_text()
    assert "drawn from uniform:0.9,1.1 for every event" in text
    assert "max_leaf_nodes" in text
    for absent in ("1.2345", "draw_events", "adam", "precision", "batch_size"):
        assert absent not in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("no events", "The events are not at hand (--path)"),
        ("other events", "The events at hand are others"),
        ("no predictions", "The predictions of fcn, seed 1 are not beside its record."),
        ("other predictions", "The predictions of fcn, seed 1 are not those of its record."),
    ],
)
def test_what_is_missing_is_said(change: str, said: str, data: Path, tmp_path: Path) -> None:
    record = make_run(tmp_path / "runs", data)
    assert record.folder is not None
    path = data
    if change == "no events":
        path = tmp_path / "nothing"
    elif change == "other events":
        path = make_events(tmp_path / "others", 200)
    elif change == "no predictions":
        (record.folder / "predictions.npz").unlink()
    else:
        shutil.copy(record.folder / "history.csv", record.folder / "predictions.npz")
    write_report([record], tmp_path / "out.html", path)
    text = (tmp_path / "out.html").read_text()
    assert said in text
    assert "Training curves" in text
    assert "Background rejection." not in text


def test_command_line(data: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "runs", data)
    out = tmp_path / "deep" / "report.html"
    # Without the events, which is quicker.
    result = CliRunner().invoke(
        app, ["report", str(tmp_path / "runs"), "--path", str(tmp_path), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert "Training curves" in out.read_text()
    result = CliRunner().invoke(app, ["report", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "no records in" in result.stderr
