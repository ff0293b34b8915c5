"""The tables of docs/how_to/uncertainty.md, from ``numbers.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.card import Measurement
from pd4ml.text import put_between

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how_to" / "uncertainty.md"
BEGIN, END = "<!-- numbers: evidence/methods_uncertainty/evidence.py -->", "<!-- end of numbers -->"
KINDS = ("before", "temperature", "isotonic")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))


def calibrations(record: dict[str, Any]) -> str:
    """A row for each dataset and recipe, means of the seeds."""
    rows = []
    for name, found in record.items():
        by_recipe: dict[str, list[dict[str, Any]]] = {}
        for row in found.get("calibration", ()):
            by_recipe.setdefault(row["recipe"], []).append(row)
        for recipe, runs in by_recipe.items():
            temperatures = [run["temperature"]["value"] for run in runs]
            cells = [name, recipe, f"{min(temperatures):.2f} to {max(temperatures):.2f}", error(runs)]
            for metric in ("log_loss", "calibration_error"):
                means = [np.mean([run[f"metrics_{kind}"][metric]["value"] for run in runs]) for kind in KINDS]
                cells.append(" → ".join(f"{mean:.3f}" for mean in means))
            rows.append(cells)
    head = ["dataset", "recipe", "T", "its error", "log-loss", "calibration error"]
    return table(head, rows)


def counted_calibrations(record: dict[str, Any]) -> str:
    """In a sentence."""
    runs = [run for found in record.values() for run in found.get("calibration", ())]
    near = sum(abs(run["temperature"]["value"] - 1) < 2 * run["temperature"]["error"] for run in runs)
    changes = {
        kind: np.array([run[f"metrics_{kind}"]["log_loss"]["value"] for run in runs])
        - np.array([run["metrics_before"]["log_loss"]["value"] for run in runs])
        for kind in KINDS[1:]
    }
    least, most = changes["temperature"].min(), changes["temperature"].max()
    return (
        f"Of {len(runs)} runs, {near} have a temperature within two errors of 1. It changes the log-loss by "
        f"{least:+.4f} to {most:+.4f}; isotonic regression raises it in {(changes['isotonic'] > 0).sum()}."
    )


def counted_ensembles(record: dict[str, Any]) -> str:
    """In a sentence."""
    seeds: list[bool] = []
    five: list[bool] = []
    for found in record.values():
        for chosen, of in found["ensembles"]["of"].items():
            (five if chosen == "five" else seeds).append(of["difference"][0] < 0)
    return (
        f"Below the best member: {sum(seeds)} of {len(seeds)} ensembles of the seeds of one recipe, "
        f"{sum(five)} of {len(five)} of the best five."
    )


def error(runs: Sequence[dict[str, Any]]) -> str:
    """The mean error of the temperatures."""
    return f"{np.mean([run['temperature']['error'] for run in runs]):.2f}"


def ensembles(record: dict[str, Any]) -> str:
    """A row for each dataset and choice of members."""
    rows = []
    for name, found in record.items():
        loss = found["ensembles"]["loss"]
        digits = 4 if loss == "log_loss" else 0
        for chosen, of in found["ensembles"]["of"].items():
            what = "best five on validation" if chosen == "five" else f"{len(of['members'])} x {chosen}"
            numbers = [f"{of[key]:,.{digits}f}" for key in ("mean_member", "best_member", "ensemble")]
            rows.append([name, what, loss.replace("_", "-"), *numbers, str(Measurement(*of["difference"]))])
    head = ["dataset", "members", "loss", "mean member", "best member", "ensemble", "ensemble - best member"]
    return table(head, rows)


def coverages(record: dict[str, Any]) -> str:
    """A row for each dataset and coverage: all runs, and the one with the narrowest intervals or sets in parts."""
    rows = []
    for name, found in record.items():
        for wanted, of in found["coverage"].items():
            shares, errors = ([each[key] for each in of["runs"].values()] for key in ("value", "error"))
            beyond = sum(abs(s - float(wanted)) > 2 * e for s, e in zip(shares, errors, strict=True))
            span = f"{np.mean(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})"
            parts = [
                ", ".join(f"{part['value']:.2f}" for part in of["parts"].get(kind, ())) or "-"
                for kind in ("by_class", "by_prediction", "by_truth")
            ]
            rows.append([name, wanted, span, f"{np.mean(errors):.3f}", f"{beyond} of {len(shares)}", *parts])
    head = ["dataset", "wanted", "covered: mean and range of the runs", "error of one", "beyond two errors"]
    return table([*head, "by class", "in quarters of the prediction", "of the truth"], rows)


def variants(record: dict[str, Any]) -> str:
    """A row for each dataset and variant."""
    rows = []
    for name, found in record.items():
        for variant, levels in found.get("varied", {"variants": {}})["variants"].items():
            cells = [name, variant, f"{levels[0]['all']['events']:,}"]
            for each in levels:
                of = ", ".join(f"{part['class']} {part['value']:.2f}" for part in each.get("by_class", ()))
                cells.append(
                    f"{Measurement(each['all']['value'], each['all']['error'])}" + (f" ({of})" if of else "")
                )
            rows.append(cells)
    return table(["dataset", "variant", "events", "0.68 wanted", "0.90 wanted"], rows)


def page(record: dict[str, Any]) -> str:
    """All tables, each with a line that says what it is."""
    counted = ", ".join(f"{name} {of['valid']:,} and {of['test']:,}" for name, of in record.items())
    parts = [
        f"Validation and test events: {counted}.",
        "Temperatures (range of the seeds) and what calibrations do to the test events: before → temperature → "
        "isotonic.",
        calibrations(record),
        counted_calibrations(record),
        "Ensembles, held against the member that is best on the test events themselves, with the paired bootstrap "
        "error of the difference.",
        ensembles(record),
        counted_ensembles(record),
        "Conformal coverage of all runs, which share their events, so that they fluctuate together; the parts are "
        "those of the run with the narrowest intervals or smallest sets.",
        coverages(record),
        "The same quantiles on variants, boosted trees:",
        variants(record),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Put the tables between their markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    PAGE.write_text(put_between(PAGE.read_text(), BEGIN, page(record), END))


if __name__ == "__main__":
    main()
