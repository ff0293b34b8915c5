from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.records import example_record
from pd4ml.evaluation import Measurement
from pd4ml.report import format_measurement, to_json, to_markdown, to_text
from pd4ml.report.numbers import format_metric


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        (Measurement(0.968123, 0.001234), "0.9681 ± 0.0012"),
        (Measurement(0.91234, 0.00456), "0.912 ± 0.005"),
        (Measurement(0.5, 0.00096), "0.5000 ± 0.0010"),
        (Measurement(123.4, 45.6), "120 ± 50"),
        (Measurement(1234.5, 123.0), "1,230 ± 120"),
        (Measurement(34.12, 0.47), "34.1 ± 0.5"),
        (Measurement(-0.0312, 0.35), "-0.03 ± 0.35"),
        (Measurement(667.6, None, lower_limit=True), "> 700"),
        (Measurement(1.0, 0.0), "1"),
    ],
)
def test_digits(measured: Measurement, text: str) -> None:
    assert format_measurement(measured) == text


@pytest.mark.parametrize(
    ("metric", "measured", "text"),
    [
        ("background_rejection_0.3", Measurement(800.0, 900.0), "800 ± 900*"),
        ("background_rejection_0.5_macro", Measurement(200.0, 110.0), "200 ± 110*"),
        ("background_rejection_0.3", Measurement(200.0, 90.0), "200 ± 90"),
        ("background_rejection_0.3", Measurement(267.0, None, lower_limit=True), "> 270"),
        ("bias", Measurement(0.1, 0.3), "0.10 ± 0.30"),
    ],
)
def test_rejections_from_few_events_are_marked(metric: str, measured: Measurement, text: str) -> None:
    assert format_metric(metric, measured) == text
    table = to_markdown([example_record(metrics={metric: measured})])
    assert f"| {text} |" in table


def test_markdown() -> None:
    heading, rule, row = to_markdown([example_record()]).splitlines()
    assert heading == (
        "| dataset | model | events | epochs | ACC | AUC | 1/eps_B(0.3) | 1/eps_B(0.5) | seed | training |"
    )
    assert rule.count("---") == 10
    assert row == (
        "| Toy (generated) | fcn | 12,800 | 20 | 0.912 ± 0.005 | 0.9681 ± 0.0012 | > 700 | 120 ± 50 | 1 "
        "| 1 min 23 s |"
    )


def test_tasks_side_by_side() -> None:
    regression = example_record(
        dataset={**example_record().dataset, "name": "Toy2", "task": "regression"},
        metrics={"mse": Measurement(1000.0, 52.0), "resolution": Measurement(31.32, 0.75)},
        timing={**example_record().timing, "train_seconds": 7322.0},
    )
    rows = to_markdown([example_record(), regression]).splitlines()[2:]
    assert rows[0].endswith("| - | - | 1 | 1 min 23 s |")
    assert rows[1].endswith("| - | - | - | - | 1,000 ± 50 | 31.3 ± 0.8 | 1 | 2 h 02 min |")


def test_trainings_of_several_seeds_share_a_row() -> None:
    seeds = {1: 0.96, 2: 0.97, 5: 0.98}
    records = [
        example_record(
            seed=seed,
            metrics={"auc": Measurement(auc, 0.001)},
            epochs={"trained": 10 + seed, "best": 9},
            timing={**example_record().timing, "train_seconds": 10.0 * seed},
        )
        for seed, auc in seeds.items()
    ]
    other = example_record(
        metrics={"auc": Measurement(0.9, 0.001)}, events={"train": 10, "valid": 3, "test": 4000}
    )
    rows = to_markdown([*records, other]).splitlines()[2:]
    assert sorted(rows) == [
        "| Toy (generated) | fcn | 10 | 20 | 0.9000 ± 0.0010 | 1 | 1 min 23 s |",
        "| Toy (generated) | fcn | 12,800 | 11-15 | 0.9700 ± 0.0010 ± 0.010 | 1, 2, 5 | 26.7 s |",
    ]


def test_terminal() -> None:
    text = to_text([example_record()], 200)
    for part in ("AUC", "0.9681 ± 0.0012", "> 700", "1 min 23 s", "12,800"):
        assert part in text


def test_json_has_every_number() -> None:
    (body,) = json.loads(to_json([example_record(folder=Path("runs") / "a")]))
    assert body["metrics"]["auc"] == {"value": 0.968123, "error": 0.001234, "lower_limit": False}
    assert body["folder"] == str(Path("runs") / "a")
