"""The table of docs/how_to/collaborate.md, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.text import put_between

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how_to" / "collaborate.md"
BEGIN, END = "<!-- numbers: evidence/collaborate/evidence.py -->", "<!-- end of numbers -->"
MODELS = ("alone, mean", "alone, best", "vote", "fedavg", "fedprox", "trimmed_mean", "fedavg_vote", "pooled")
HEADINGS = {"auc": "AUC", "auc_macro": "AUC (macro)", "mse": "MSE [(g/cm2)^2]"}


def page(record: dict[str, Any]) -> str:
    """A row for each case."""
    rows = []
    for case, found in record.items():
        digits = 0 if found["metric"] == "mse" else 3
        cells = [f"{case}: {HEADINGS[found['metric']]}"]
        for model in MODELS:
            values = [value for value, _ in found["scores"].get(model, [])]
            if not values:
                cells.append("")
                continue
            cell = f"{np.mean(values):,.{digits}f} ± {np.std(values, ddof=1):,.{digits}f}"
            taken = found["accepted"].get(model, [])
            if model in ("vote", "fedavg_vote"):
                cell += f" ({sum(t for t, _ in taken)}/{sum(n for _, n in taken)})"
            cells.append(cell)
        rows.append(cells)
    lines = [["case", *MODELS], ["---"] * (len(MODELS) + 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Put the table between its markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    PAGE.write_text(put_between(PAGE.read_text(), BEGIN, page(record), END))


if __name__ == "__main__":
    main()
