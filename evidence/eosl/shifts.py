"""What a test split with other starts and freeze-out costs: ``python evidence/eosl/shifts.py RUNS``.

RUNS is a folder of runs on the default events for which ``pd4ml shift RUN --variants shift`` was run: those of
``pd4ml benchmark standard``. Of each recipe all seeds with the most training spectra are taken.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
METRICS = ("auc", "accuracy")


def shifts(runs: Path) -> dict[str, Any]:
    """Of each recipe: the number of training spectra and seeds, and metrics without and with the shift.

    Metrics are means over seeds; the error is that of a test split, which the seeds share.
    """
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for file in sorted(runs.glob("EOSL-generated-default-*/shift.json")):
        record = json.loads(file.with_name("record.json").read_text())
        found.setdefault(record["recipe"]["name"], []).append(
            (record["events"]["train"], json.loads(file.read_text()))
        )
    out: dict[str, Any] = {}
    for recipe, all_runs in found.items():
        largest = max(n for n, _ in all_runs)
        used = [shift for n, shift in all_runs if n == largest]
        out[recipe] = {"train": largest, "seeds": len(used)}
        for metric in METRICS:
            nominal = [shift["nominal"]["metrics"][metric] for shift in used]
            varied = [v["metrics"][metric] for shift in used for v in shift["variants"] if v["variant"] == "shift"]
            for name, values in (("default", nominal), ("shift", varied)):
                mean = float(np.mean([v["value"] for v in values]))
                out[recipe][f"{metric} {name}"] = [mean, float(np.mean([v["error"] for v in values]))]
    return out


def main() -> None:
    """Keep the numbers; write the page."""
    record = json.loads(RECORD.read_text())
    RECORD.write_text(json.dumps({**record, "shift": shifts(Path(sys.argv[1]))}, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
