"""Tables of the EOSL room's README, from ``numbers.json``; its figure is drawn from the events themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pd4ml.datasets.eosl.config import Config
from pd4ml.text import put_between

HERE = Path(__file__).parent
README = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "eosl" / "README.md"
BEGIN, END = "<!-- numbers: evidence/eosl/evidence.py -->", "<!-- end of numbers -->"
GRIDS = ("fine", "default", "coarse")
# Read from nine published spectra that are integer counts.
PUBLISHED = {
    "total": "378 to 3,551, median 1,586",
    "largest bin": "6 to 27",
    "variance / mean along phi": "0.98 to 1.09",
    "row of the peak": "2 to 3",
    "size of v2": "0.012 to 0.095",
    "phase of v2 [deg]": "cluster at 80 to 90",
}
# Positive pions, dN/dy and mean pT in GeV: PHENIX, nucl-ex/0307022 (HEPData 10.17182/hepdata.106657, tables 13
# and 12), and ALICE, arXiv:1303.0737, whose mean pT and flow are not taken over from a table here.
DATA = {
    ("Au+Au", 0.0): ("286 ± 24", "0.451 ± 0.033"),
    ("Au+Au", 20.0): ("130 ± 12", "0.444 ± 0.035"),
    ("Pb+Pb", 0.0): ("733 ± 54", ""),
}
NAMES = {
    "gbdt": "boosted trees on summaries",
    "fcn_quick": "FCN",
    "filter_net_quick": "FilterNet",
    "eosl_cnn_quick": "reference CNN",
}
# arXiv:2107.00656, full schedules on 126,850 spectra.
LITERATURE = {"FCN": ("0.739 ± 0.008", "0.605 ± 0.019"), "reference CNN": ("0.788 ± 0.005", "0.691 ± 0.005")}


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _value(found: list[float], digits: int) -> str:
    return f"{found[0]:,.{digits}f} ± {found[1]:,.{digits}f}"


def page(record: dict[str, Any]) -> str:
    """The README's block of numbers."""
    return "\n\n".join(
        part
        for name, make in (
            ("spectra", _spectra),
            ("measured", _measured),
            ("hierarchy", _hierarchy),
            ("scores", _scores),
            ("curve", _curve),
            ("shift", _shift),
            ("grids", _grids),
        )
        if name in record
        for part in make(record[name])
    )


def _spectra(found: dict[str, Any]) -> list[str]:
    (train, train_events), (test, test_events) = found["events"]
    counted = f"{found['rapidity']:g} units of rapidity"
    if found["rapidity"] != Config().rapidity:
        counted += f" (not yet the default's {Config().rapidity:g}, with which totals rise in proportion)"
    rows = []
    for name, values in found["observables"].items():
        digits = 0 if values["quantiles"][2] > 100 else 3
        quantiles = " / ".join(f"{q:,.{digits}f}" for q in values["quantiles"])
        classes = [_value(c, 3 if name == "phase of v2 [deg]" else digits) for c in values["classes"]]
        rows.append([name, PUBLISHED.get(name, "unknown"), quantiles, *classes])
    return [
        f"{train:,} + {test:,} spectra (train + test) of {train_events:,} + {test_events:,} hydrodynamic events,\n"
        f"counted in {counted}.\nOf single draws of the train split: quantiles (5, 50, 95 %) and means of both "
        "classes; errors count\nhydrodynamic events, not spectra.",
        _table(["observable", "nine published spectra", "generated", "EOSL", "EOSQ"], rows),
        "![examples of both classes and kinds](figures/examples.png)",
    ]


def _measured(found: list[dict[str, Any]]) -> list[str]:
    rows = []
    for line in found:
        low, high = line["centrality"]
        data = DATA[line["system"], low]
        cells = [_value(line["pions"], 0), data[0], _value(line["mean_pt"], 3), data[1], _value(line["v2"], 3)]
        rows.append([f"{line['system']}, {low:.0f} to {high:.0f} %", line["eos"], *cells])
    return [
        "Positive pions at midrapidity, freeze-out at 137.5 MeV, start at 0.5 fm; measured by PHENIX "
        "(nucl-ex/0307022)\nand ALICE (arXiv:1303.0737). Errors of ours are those of twelve events. Of the fluid "
        "alone (direct), and with decays.",
        _table(["system", "matter", "dN/dy", "measured", "mean pT [GeV]", "measured", "v2 (rms)"], rows),
    ]


def _hierarchy(found: dict[str, list[float]]) -> list[str]:
    rows = [[name, _value(value, 3)] for name, value in found.items()]
    return [
        "AUC of boosted trees on summaries, the same 1,000 hydrodynamic events with more or less noise "
        "(five-fold\ncross-validation; the error draws events). arXiv:1910.11530 has accuracies of about 0.80, "
        "0.90 and 0.99 in this order.",
        _table(["spectra", "AUC"], rows),
    ]


def _scores(found: dict[str, Any]) -> list[str]:
    rows = []
    for recipe, values in found.items():
        name = NAMES[recipe]
        cells = [_value(values[m], 3) for m in ("auc", "accuracy", "single draws", "means")]
        rows.append(
            [name, "" if recipe == "gbdt" else str(values["epochs"]), *cells, *LITERATURE.get(name, ("", ""))]
        )
    header = ["model", "epochs", "AUC", "accuracy", "of single draws", "of means"]
    header += ["published AUC", "published accuracy"]
    return [
        "Trainings on the default events, one seed, short schedules. Published scores are those of another, "
        "larger dataset.",
        _table(header, rows),
    ]


def _curve(found: dict[str, list[float]]) -> list[str]:
    header = ["training spectra", *(f"{int(n):,}" for n in found)]
    return [
        "Boosted trees by the number of training spectra, five of each hydrodynamic event.",
        _table(header, [["AUC", *(_value(v, 3) for v in found.values())]]),
    ]


def _shift(found: dict[str, Any]) -> list[str]:
    rows = []
    for recipe, values in found.items():
        cells = [_value(values[f"{m} {name}"], 3) for m in ("auc", "accuracy") for name in ("default", "shift")]
        rows.append([NAMES[recipe], f"{values['train']:,}", str(values["seeds"]), *cells])
    header = ["model", "training spectra", "seeds", "AUC", "AUC, shift", "accuracy", "accuracy, shift"]
    return [
        "Trainings of the preset `standard` on the default test split and on that of `shift`: mean over seeds,"
        "\nerrors of 6,000 test spectra.",
        _table(header, sorted(rows, key=lambda row: row[3], reverse=True)),
    ]


def _grids(found: list[dict[str, Any]]) -> list[str]:
    rows = []
    for line in found:
        values = zip(*(line[grid] for grid in GRIDS), (0, 3, 3), strict=True)
        rows.append([line["event"], *(", ".join(f"{v:.{digits}f}" for v in v3) for *v3, digits in values)])
    return [
        "Numerics: cells of 0.2 fm; the default (0.4 fm); and, not used, 0.4 fm with a surface from cubes of two "
        "cells. Direct pions.",
        _table(["event", "dN/dy of pions", "mean pT [GeV]", "v2"], rows),
    ]


def main() -> None:
    """Put the numbers between their markers."""
    record = json.loads((HERE / "numbers.json").read_text())
    README.write_text(put_between(README.read_text(), BEGIN, page(record), END))


if __name__ == "__main__":
    main()
