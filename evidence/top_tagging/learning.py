"""Scores of models by the number of training jets, into ``learning.json``: ``python learning.py RUNS``.

RUNS is what ``pd4ml benchmark --plan evidence/top_tagging/learning.toml --runs RUNS`` leaves. Then ``page.py``
writes the table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pd4ml.benchmark.record import find_records, read_record

RECORD = Path(__file__).parent / "learning.json"
METRICS = ("auc", "accuracy", "background_rejection_0.5", "background_rejection_0.3")


def main() -> None:
    """Keep of each record what the table shows."""
    rows = []
    for record in map(read_record, find_records(Path(sys.argv[1]))):
        measured = {name: [record.metrics[name].value, record.metrics[name].error] for name in METRICS}
        facts = {"recipe": record.recipe["name"], "seed": record.seed, "epochs": record.epochs["trained"]}
        rows.append({**facts, "events": dict(record.events), **measured})
    rows.sort(key=lambda row: (row["events"]["train"], row["recipe"], row["seed"]))
    RECORD.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
