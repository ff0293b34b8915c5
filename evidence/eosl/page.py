"""Tables of the EOSL room's README, from ``numbers.json``; its figure is drawn from the events themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "eosl" / "README.md"
BEGIN, END = "<!-- numbers: evidence/eosl/evidence.py -->", "<!-- end of numbers -->"
GRIDS = ("fine", "default", "coarse")
# Read from nine published spectra.
PUBLISHED = {
    "total": "378 to 3,551",
    "largest bin": "6 to 27",
    "variance / mean along phi": "0.96 to 1.18",
    "row of the peak": "2 to 3",
    "size of v2": "0.012 to 0.076",
}


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(record: dict[str, Any]) -> str:
    """The README's block of numbers."""
    blocks = [
        f"{record['train']:,} + {record['test']:,} spectra (train + test) of {record['hydro'][0]:,} + "
        f"{record['hydro'][1]:,} hydrodynamic events. Quantiles (5, 50, 95 %) and\nmeans of both classes are "
        "those of the train split; errors count hydrodynamic events, not spectra."
    ]
    rows = []
    for name, found in record["spectra"].items():
        digits = 0 if found["quantiles"][2] > 100 else 3
        quantiles = " / ".join(f"{q:,.{digits}f}" for q in found["quantiles"])
        classes = [f"{m:,.{digits}f} ± {e:.{digits}f}" for m, e in found["classes"]]
        rows.append([name, PUBLISHED.get(name, "unknown"), quantiles, *classes])
    blocks.append(_table(["observable", "nine published spectra", "generated", "EOSL", "EOSQ"], rows))
    blocks.append(
        f"Accuracy of classifiers trained on {record['trained_on']} of the train split's hydrodynamic events "
        f"({record['epochs']} epochs, mean of\n{record['trainings']} trainings). Published for convolutional "
        "networks, on other spectra: about 0.80 event by event and 0.99\naveraged (arXiv:1910.11530), "
        "0.691 ± 0.005 for the published file (arXiv:2107.00656)."
    )
    rows = [
        [model, part, *(f"{p:.3f} ± {e:.3f}" for p, e in found.values())]
        for model, parts in record["accuracy"].items()
        for part, found in parts.items()
    ]
    blocks.append(_table(["model", "tested on", "all", "event-by-event", "averaged"], rows))
    blocks.append(
        "Numerics: cells of 0.2 fm; the default (0.4 fm); and, not used, 0.4 fm with a surface from cubes of two "
        "cells."
    )
    rows = []
    for found in record["grids"]:
        values = zip(*(found[grid] for grid in GRIDS), (0, 3, 3), strict=True)
        rows.append([found["event"], *(", ".join(f"{v:.{digits}f}" for v in v3) for *v3, digits in values)])
    blocks.append(_table(["event", "dN/dy of pions", "mean pT [GeV]", "v2"], rows))
    blocks.append("![examples of both classes and kinds](figures/examples.png)")
    return "\n\n".join(blocks)


def main() -> None:
    """Put the numbers between their markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{page(record)}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
