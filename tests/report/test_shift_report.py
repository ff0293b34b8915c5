"""What varied events do: the file that is read and refused, the table, the picture, the page."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.records import example_record, example_shift
from helpers.runs import make_run
from pd4ml.errors import DataError
from pd4ml.metrics.shift import Predicted, paired_difference
from pd4ml.report.html import write_report
from pd4ml.report.panels import shift_differences
from pd4ml.report.render import to_json, to_latex, to_markdown
from pd4ml.report.shift import Shifts, main_metrics, read_shift, shift_table, shifts_of
from pd4ml.report.style import house_style

MARKUP = "<script>window.hacked=1</script>\x1b[31m|`$\\frac{_"


def written(path: Path, body: Any) -> Path:
    file = path / "shift.json"
    file.write_text(body if isinstance(body, str) else json.dumps(body))
    return file


@pytest.fixture
def shifts(tmp_path: Path) -> Shifts:
    return read_shift(written(tmp_path, example_shift()), "a" * 64)


def test_the_table_has_values_and_differences(shifts: Shifts) -> None:
    table = shift_table("Toy", {"fcn": shifts})
    headings = [
        "variant",
        "events",
        "AUC",
        "Δ AUC",
        "ε_S(0.5)",
        "Δ ε_S(0.5)",
        "ε_B(0.5)",
        "Δ ε_B(0.5)",
        "same events",
    ]
    assert [column.heading for column in table.columns] == headings
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    assert rows[0] == [
        "default",
        "4,000",
        "0.9680 ± 0.0010",
        "-",
        "0.500 ± 0.004",
        "-",
        "0.0081 ± 0.0005",
        "-",
        "-",
    ]
    assert rows[1][:4] == ["scale_up", "4,000", "0.9670 ± 0.0010", "-0.00100 ± 0.00020"]
    assert [row[-1] for row in rows[1:]] == ["yes", "no"]
    few = replace(shifts, variants=tuple(replace(v, same_events=0.917) for v in shifts.variants))
    assert shift_table("Toy", {"fcn": few}).rows[1].cells[-1].text == "92 %"
    assert "| fcn | scale\\_up | 4,000 |" in to_markdown(table)
    assert r"$-0.00100 \pm 0.00020$" in to_latex(table)
    assert json.loads(to_json(table))[2]["variant"] == "other_generator"


def test_the_picture_names_variants_and_runs(shifts: Shifts) -> None:
    metrics = main_metrics([shifts])
    assert metrics == ["auc", "signal_efficiency_at_0.5", "background_efficiency_at_0.5"]
    with house_style():
        found = shift_differences("x", {"fcn": shifts, "graph_net": shifts}, metrics[1:], "1")
    for text in ("scale_up", "other_generator", "fcn", "graph_net"):
        assert f">{text}<" in found.svg
    assert found.svg.count("ε") == 2


@pytest.mark.parametrize(
    ("task", "names", "expected"),
    [
        ("classification", ["accuracy", "auc_macro", "log_loss"], ["auc_macro", "accuracy", "log_loss"]),
        ("regression", ["mse", "bias", "resolution"], ["bias", "resolution"]),
        ("regression", ["mse", "mae", "bias_0"], ["mse", "mae"]),
        ("segmentation", ["accuracy", "iou_macro"], ["iou_macro", "accuracy"]),
        ("something new", ["accuracy"], []),
    ],
)
def test_what_matters_of_a_task(task: str, names: list[str], expected: list[str], tmp_path: Path) -> None:
    body = example_shift(task=task)
    measured = {name: {"value": 1.0, "error": 0.1, "lower_limit": False} for name in names}
    body["nominal"]["metrics"] = measured
    for variant in body["variants"]:
        variant["metrics"] = variant["difference"] = measured
    assert main_metrics([read_shift(written(tmp_path, body))]) == expected


def broken(*path: Any, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(example_shift())
    place: Any = body
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return body


AUC = ("variants", 0, "metrics", "auc")
REFUSED: dict[str, tuple[Any, str]] = {
    "no json": ("{", "it is no JSON"),
    "deep": ("[" * 100_000, "it is nested too deeply"),
    "list": ([], "expected dict, found '\\[\\]'"),
    "format": (broken("format", value=2), "format 2"),
    "other predictions": (broken("predictions", value="b" * 64), "other predictions: compute it again"),
    "no task": (broken("task", value=None), "no 'task'"),
    "task": (broken("task", value=["a"]), "expected str"),
    "no variants": (broken("variants", value={"a": 1}), "expected list"),
    "many": (broken("variants", value=[{}] * 1000), "1000 variants"),
    "metrics": (broken("variants", 0, "metrics", value=[1]), "expected dict"),
    "text": (broken(*AUC, "value", value="0.9"), "no finite number, .*: '0.9'"),
    "bool": (broken(*AUC, "value", value=True), "no finite number, .*: 'True'"),
    "nan": (json.dumps(broken(*AUC, "value", value=float("nan"))), "NaN is no finite number"),
    "huge": (json.dumps(example_shift()).replace("0.967", "1e999"), "1e999 is no finite number"),
    "beyond": (broken(*AUC, "value", value=1.7e308), "beyond all measure: '1.7e"),
    "no events": (broken("nominal", "events", value=-1), "no number of events"),
    "long": (json.dumps(example_shift()).replace("0.967", "9" * 500), "hundreds of digits"),
    "negative error": (broken(*AUC, "error", value=-1), "error or limit"),
    "limit": (broken(*AUC, "lower_limit", value="yes"), "expected bool"),
    "events": (broken("nominal", "events", value=3.5), "expected int"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    body, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as caught:
        read_shift(written(tmp_path, body), "a" * 64)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_a_large_or_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="bytes that are read"):
        read_shift(written(tmp_path, " " * (1 << 22) + "{}"))
    with pytest.raises(DataError, match="No such file"):
        read_shift(tmp_path / "none.json")


def test_what_is_measured_here_can_be_shown(tmp_path: Path) -> None:
    """The format is that of `paired_difference`, put into a file."""
    import numpy as np

    truth = np.arange(400) % 2
    logit = np.random.default_rng(1).normal(2.0 * truth)
    found = paired_difference(
        "classification", Predicted(logit, truth), Predicted(logit + 0.1, truth), paired=True
    )
    body = example_shift(thresholds=found.thresholds)
    body["nominal"]["metrics"] = {name: vars(m) for name, m in found.nominal.items()}
    body["variants"][0] |= {
        "metrics": {name: vars(m) for name, m in found.variant.items()},
        "difference": {name: vars(m) for name, m in found.difference.items()},
    }
    read = read_shift(written(tmp_path, body))
    assert read.nominal.metrics == found.nominal
    assert read.variants[0].difference == found.difference


def test_the_page_shows_it_and_stays_whole(data: Path, tmp_path: Path) -> None:
    good, bad, hostile = (make_run(tmp_path / "runs", data, name) for name in ("good", "bad", "hostile"))
    for record in (good, hostile):
        assert record.folder is not None
        body = example_shift(predictions=record.predictions["sha256"])
        if record is hostile:
            body["variants"][0]["variant"] = body["nominal"]["variant"] = MARKUP
        written(record.folder, body)
    assert bad.folder is not None
    written(bad.folder, example_shift())
    write_report([good, bad, hostile], tmp_path / "out.html", tmp_path)
    text = (tmp_path / "out.html").read_text()
    assert "Varied events" in text
    assert "<dt>scale_up</dt><dd>energies 2 % higher</dd>" in text
    assert "0.020 ± 0.0010" in text or "0.0200 ± 0.0010" in text
    assert "Differences from nominal events" in text
    assert "The shifts of bad are left out" in text
    assert "compute it again" in text
    assert "<script>window" not in text
    assert "&lt;script&gt;window.hacked=1" in text
    assert "\x1b" not in text
    assert text.count("<script") == 1


def test_any_unit_and_runs_that_lack_a_metric(tmp_path: Path) -> None:
    body = example_shift(task="regression", unit="ε_$\\frac{")
    of = {"value": 1e99, "error": 1e-99, "lower_limit": False}
    for part in (body["nominal"], *body["variants"]):
        part["metrics"] = {"bias": of, "resolution": of}
    for part in body["variants"]:
        part["difference"] = {"bias": of, "resolution": of}
    full = read_shift(written(tmp_path, body))
    for part in body["variants"]:
        part["difference"] = {}
    lacking = read_shift(written(tmp_path, body))
    metrics = main_metrics([full, lacking])
    assert metrics == ["bias", "resolution"]
    with house_style():
        found = shift_differences("x", {"full": full, "lacking": lacking}, metrics, full.unit)
    assert r"Δ bias [ε_$∖frac{]" in found.svg
    assert [cell.text for cell in shift_table("", {"a": full, "b": lacking}).rows[-1].cells][3] == "-"


def test_runs_without_a_file_say_nothing(tmp_path: Path) -> None:
    assert shifts_of({"fcn": [example_record(), example_record(folder=tmp_path)]}) == ({}, [])
    record = example_record(folder=tmp_path, dataset={**example_record().dataset, "task": "regression"})
    written(tmp_path, example_shift())
    assert "of another task" in shifts_of({"fcn": [record]})[1][0]
