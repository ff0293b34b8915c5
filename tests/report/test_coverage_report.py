"""What can be trusted: the file of intervals that is read and refused, the table, the pictures, the page."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.records import example_record
from helpers.runs import make_events, make_run
from pd4ml.errors import DataError
from pd4ml.report.coverage import coverage_table, coverages_of, read_coverage
from pd4ml.report.html import write_report
from pd4ml.report.render import to_markdown
from pd4ml.report.runs import Outputs
from pd4ml.report.style import house_style
from pd4ml.report.trust import coverage_pictures, reliability, reliability_points

MARKUP = "<script>window.hacked=1</script>\x1b[31m|`$\\frac{_"


def part(value: float, size: float = 1.2, **more: Any) -> dict[str, Any]:
    return {"value": value, "error": 0.01, "events": 800, "size": size, **more}


def example(predictions: str = "a" * 64, variant: str = "scale_up") -> dict[str, Any]:
    classes = [{**part(0.67), "class": "QCD"}, {**part(0.7), "class": "top"}]
    entry = {
        "coverage": 0.68,
        "quantiles": [[0.4, 0.5]],
        "all": part(0.685),
        "by_class": classes,
        "by_prediction": [part(0.6, low=None, high=0.4), part(0.72, low=0.4, high=None)],
        "variants": [{"variant": variant, "description": "up", "all": part(0.6), "by_class": classes}],
    }
    return {
        "format": 1,
        "task": "classification",
        "unit": "labels",
        "scores": "classes",
        "predictions": predictions,
        "by": None,
        "pulls": None,
        "levels": [entry, {**entry, "coverage": 0.9}],
    }


def written(path: Path, body: Any) -> Path:
    file = path / "intervals.json"
    file.write_text(body if isinstance(body, str) else json.dumps(body))
    return file


def test_the_table_has_a_row_for_each_part(tmp_path: Path) -> None:
    found = read_coverage(written(tmp_path, example()), "a" * 64)
    table = coverage_table("Toy", {"fcn": found})
    assert [c.heading for c in table.columns] == ["wanted", "events of", "covered", "off", "labels", "events"]
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    assert rows[0] == ["0.68", "all", "0.685 ± 0.010", "+0.5", "1.2", "800"]
    names = ["all", "QCD", "top", "scale_up", "scale_up, QCD", "scale_up, top"]
    assert [row[1] for row in rows[:8]] == [*names, "prediction below 0.4", "prediction from 0.4"]
    assert len(coverage_table("Toy", {"fcn": found}, bins=False).rows) == 12
    assert "| fcn | 0.68 | scale\\_up | 0.600 ± 0.010 | -8.0 |" in to_markdown(table)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b.update(format=2), "no intervals of format 1: format 2"),
        (lambda b: b.update(predictions="b" * 64), "compute it again"),
        (lambda b: b.pop("levels"), "no 'levels'"),
        (lambda b: b.update(levels=[]), "no coverage"),
        (lambda b: b["levels"][0].update(coverage=1.5), "coverage 1.5"),
        (lambda b: b["levels"][0]["all"].update(value=1.5), "share 1.5"),
        (lambda b: b["levels"][0]["all"].update(error="x"), "no finite number"),
        (lambda b: b["levels"][0].update(by_truth=[{}] * 300), "300 parts"),
        (lambda b: b["levels"][0]["variants"][0].update(variant=3), "expected str"),
    ],
)
def test_other_files_are_refused_in_one_line(change: Any, reason: str, tmp_path: Path) -> None:
    body = copy.deepcopy(example())
    change(body)
    with pytest.raises(DataError, match=reason) as error:
        read_coverage(written(tmp_path, body), "a" * 64)
    assert "\n" not in str(error.value)


def test_probabilities_that_mean_what_they_say_lie_on_the_diagonal() -> None:
    rng = np.random.default_rng(4)
    logit = rng.normal(0, 2, 20_000)
    truth = (rng.random(20_000) < 1 / (1 + np.exp(-logit))).astype(int)
    p, share, error = reliability_points(Outputs(logit, truth))
    assert np.mean(((share - p) / error) ** 2) == pytest.approx(1, abs=0.9)
    p, share, error = reliability_points(Outputs(2 * logit, truth))
    assert np.abs((share - p) / error).max() > 10
    pairs = Outputs(np.repeat(logit, 2), np.repeat(truth, 2), np.repeat(np.arange(20_000), 2))
    np.testing.assert_allclose(
        reliability_points(pairs)[2], reliability_points(Outputs(logit, truth))[2], rtol=0.02
    )
    three = Outputs(np.stack([0 * logit, logit, 0 * logit - 50], axis=1), truth)
    assert reliability_points(three)[0].min() >= 0.5
    with house_style():
        found = reliability("x", {"sure": [Outputs(2 * logit, truth)], "right": [Outputs(logit, truth)]})
    assert all(f">{text}<" in found.svg for text in ("sure", "right", "probability"))


def test_the_pictures_name_parts_and_runs(tmp_path: Path) -> None:
    found = read_coverage(written(tmp_path, example()))
    with house_style():
        coverage, bins = coverage_pictures("x", {"fcn": found, "gbdt": found})
    assert all(
        f">{text}<" in coverage.svg for text in ("scale_up, QCD", "fcn", "gbdt", "coverage, 0.68 is wanted")
    )
    assert ">bin 2<" in bins.svg


def test_the_page_shows_them_and_stays_whole(tmp_path: Path) -> None:
    data = make_events(tmp_path / "data")
    good, bad, hostile = (make_run(tmp_path / "runs", data, name) for name in ("good", "bad", "hostile"))
    for record, variant in ((good, "scale_up"), (hostile, MARKUP)):
        assert record.folder is not None
        written(record.folder, example(record.predictions["sha256"], variant))
    assert bad.folder is not None
    written(bad.folder, example())
    write_report([good, bad, hostile], tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text()
    assert "<h3>Intervals</h3>" in text
    assert "Errors are binomial, of calibration and test events" in text
    assert "The intervals of bad are left out" in text
    assert "<script>window" not in text
    assert text.count("<script") == 1


def test_runs_without_a_file_say_nothing(tmp_path: Path) -> None:
    assert coverages_of({"fcn": [example_record(), example_record(folder=tmp_path)]}) == ({}, [])
    record = example_record(folder=tmp_path, dataset={**example_record().dataset, "task": "regression"})
    written(tmp_path, example())
    assert "of another task" in coverages_of({"fcn": [record]})[1][0]
