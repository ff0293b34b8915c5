"""The table of docs/how_to/predicted_uncertainty.md, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.metrics.measurement import Measurement
from pd4ml.text import put_between

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how_to" / "predicted_uncertainty.md"
BEGIN, END = "<!-- numbers: evidence/methods_uncertainty_heads/evidence.py -->", "<!-- end of numbers -->"
COLUMNS = {
    "mse": "MSE",
    "nll": "NLL",
    "crps": "CRPS",
    "pull_width": "pull width",
    "coverage": "coverage as predicted",
    "half_width": "half width",
    "conformal_coverage": "coverage, conformal",
    "conformal_half_width": "half width, conformal",
}
QUARTILES = [f"quartile_{q}" for q in range(4)]


def page(record: dict[str, Any]) -> str:
    """The table, its quartiles, and what belongs to it."""
    events, seeds = record["events"], record["seeds"]
    between = {name: np.std(values, ddof=1) for name, values in seeds.items()}
    share = record["coverage"]
    calibrated = np.sqrt(share * (1 - share) / events["valid"])
    lines = [
        f"{events['train']:,} showers to train on, {events['valid']:,} to validate, {events['test']:,} to test.",
        f"Intervals of {share:.0%}; errors are the bootstrap's, of the test showers, which all rows",
        f"share. Between {len(seeds['mse'])} networks of other seeds the MSE varies by {between['mse']:.0f}, the",
        f"NLL by {between['nll']:.3f}, the CRPS by {between['crps']:.2f} (standard deviation); all other rows are",
        f"single trainings. Coverage of conformal intervals also varies by {calibrated:.3f} with the showers that",
        "they are fitted on.",
        "",
        *_table(record, COLUMNS),
        "",
        "Coverage of the conformal intervals in quartiles of the prediction, from the smallest to the largest:",
        "",
        *_table(record, dict(zip(QUARTILES, ("lowest", "second", "third", "highest"), strict=True))),
    ]
    return "\n".join(lines)


def _table(record: dict[str, Any], columns: dict[str, str]) -> list[str]:
    lines = [["method", *columns.values()], ["---"] * (len(columns) + 1)]
    for row, found in record["rows"].items():
        lines.append([row, *(_cell(name, found) for name in columns)])
    return ["| " + " | ".join(line) + " |" for line in lines]


def _cell(name: str, found: dict[str, Any]) -> str:
    if name not in found:
        return ""
    return f"{found[name][0]:.1f}" if name.endswith("half_width") else repr(Measurement(*found[name]))


def main() -> None:
    """Put the tables between their markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    PAGE.write_text(put_between(PAGE.read_text(), BEGIN, page(record), END))


if __name__ == "__main__":
    main()
