"""The tables and the plot of docs/how_to/decorrelation.md, from ``numbers.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.card import Measurement
from pd4ml.report.decorrelation import sculpting_picture
from pd4ml.report.style import house_style
from pd4ml.text import put_between

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PAGE, FIGURE = DOCS / "how_to" / "decorrelation.md", DOCS / "figures" / "decorrelation.png"
COLUMNS = {
    "auc": "AUC",
    "rejection_0.5": "R at 0.5",
    "inverse_jsd_0.5": "1/JSD",
    "inverse_jsd_limit_0.5": "limit",
    "rejection_0.8": "R at 0.8",
    "inverse_jsd_0.8": "1/JSD",
    "inverse_jsd_limit_0.8": "limit",
}


def mean(pairs: Iterable[tuple[float, float]]) -> Measurement:
    """The mean over trainings on the same events; its error is that of one, since the events are the same."""
    value, error = np.mean(list(pairs), axis=0)
    return Measurement(float(value), float(error))


def averaged(runs: list[dict[str, Any]]) -> dict[str, Measurement]:
    """Each metric over the trainings of a method, where all of them have it."""
    names = [name for name in runs[0] if all(name in run for run in runs)]
    return {name: mean((run[name]["value"], run[name]["error"]) for run in runs) for name in names}


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    lines = [list(headings), *([str(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def of_jets(record: dict[str, Any]) -> str:
    """A row for each method."""
    rows = ([name, *(averaged(runs).get(key, "-") for key in COLUMNS)] for name, runs in record.items())
    return table(("score", *COLUMNS.values()), rows)


def of_shift(record: dict[str, Any]) -> str:
    """Nominal efficiencies in percent, and by how much variants change them."""
    cuts = [f"{side}_efficiency_at_{at}" for at in (0.5, 0.8) for side in ("signal", "background")]
    rows = []
    for score, by_variant in record.items():
        for variant, metrics in by_variant.items():
            percent = (Measurement(100 * metrics[cut]["value"], 100 * metrics[cut]["error"]) for cut in cuts)
            rows.append([score, variant if variant == "nominal" else f"{variant}: change", *percent])
    return table(("score", "jets", *(f"{side} at {at} [%]" for at in (0.5, 0.8) for side in ("ε_S", "ε_B"))), rows)


def of_spectra(record: dict[str, Any]) -> str:
    """AUC and KS of each class."""
    columns = {"auc": "AUC", "ks_0": "KS, cross-over", "ks_0_by_chance": "by chance"}
    columns |= {"ks_1": "KS, first order", "ks_1_by_chance": "by chance"}
    rows = ([name, *(averaged(runs)[key] for key in columns)] for name, runs in record.items())
    return table(("score", *columns.values()), rows)


def of_showers(record: dict[str, Any]) -> str:
    """Resolution and biases in g/cm2."""
    headings = (
        "Xmax by",
        "resolution",
        *(f"bias, primary {k}" for k in record["primaries"]),
        "largest difference",
    )
    rows = (
        [name, *(mean(pairs) for pairs in zip(*runs, strict=True))] for name, runs in record["methods"].items()
    )
    return table((headings[0], *(f"{text} [g/cm2]" for text in headings[1:])), rows)


def of_toy(record: dict[str, Any]) -> str:
    """AUC and KS, exact or over trainings."""
    rows = []
    for name, runs in record.items():
        values = np.array(runs)
        half = np.ptp(values, axis=0) / 2
        cells = [f"{v:.4f}" + (f" ± {e:.4f}" if e else "") for v, e in zip(values.mean(axis=0), half, strict=True)]
        rows.append([name, *cells])
    return table(("score", "AUC", "KS"), rows)


PARTS = {"toy": of_toy, "jets": of_jets, "shift": of_shift, "showers": of_showers, "spectra": of_spectra}


def main() -> None:
    """Put each table between its markers, and the plot into its file."""
    text, record = PAGE.read_text(), json.loads((HERE / "numbers.json").read_text())
    for part, write in PARTS.items():
        begin, end = f"<!-- {part}: evidence/methods_decorrelation/evidence.py -->", f"<!-- end of {part} -->"
        if part in record:
            text = put_between(text, begin, write(record[part]), end)
    PAGE.write_text(text)
    scores = {name: averaged(runs) for name, runs in record["jets"].items()}
    with house_style():
        FIGURE.write_bytes(sculpting_picture("decorrelation", scores, "jet mass").png)


if __name__ == "__main__":
    main()
