"""The table of the comparison of shared models, on numbers that can be checked by eye."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def row(recipe: str, seed: int, auc: float, seconds: float) -> dict[str, Any]:
    metrics = {"auc": {"value": auc, "error": 0.002}, "accuracy": {"value": 0.5, "error": 0.0}}
    return {
        "dataset": "Toy",
        "task": "classification",
        "recipe": recipe,
        "parameters": 1234,
        "seed": seed,
        "epochs": {"trained": 3, "best": 2},
        "seconds": seconds,
        "metrics": metrics,
    }


def test_trainings_share_a_line_with_mean_and_spread() -> None:
    spec = importlib.util.spec_from_file_location("make_pages", ROOT / "docs" / "make_pages.py")
    assert spec is not None
    assert spec.loader is not None
    make_pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_pages)
    results = {
        "machine": {"cpu": "abacus", "cores": 2},
        "seconds": 10.0,
        "threads": 1,
        "rows": [
            *(row("fast", 1, 0.80, 9.0), row("fast", 2, 0.82, 11.0), row("slow", 1, 0.7, 12.4)),
            {"dataset": "Toy", "recipe": "slowest", "seed": 0, "seconds_of_an_epoch": 61.2},
        ],
    }
    lines = make_pages.comparison_table(results).splitlines()
    assert lines[0] == "Wall time wanted: 10 s (abacus, 2 cores, each training on 1)."
    assert lines[-3] == "| Toy | fast | 1,234 | 2 | 3 | 10 | 0.8100 ± 0.0020 ± 0.0141 | 0.5000 ± 0.0000 ± 0.0000 |"
    assert lines[-2] == "| Toy | slow | 1,234 | 1 | 3 | 12 | 0.7000 ± 0.0020 | 0.5000 ± 0.0000 |"
    assert lines[-1] == "| Toy | slowest | | 0 | | | an epoch takes 61 s: left out | |"
