"""The tables of ``docs/how_to/geant4.md``, from ``numbers.json`` and ``yardstick.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pd4ml.text import put_between

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how_to" / "geant4.md"
BEGIN, END = "<!-- numbers: evidence/geant4/evidence.py -->", "<!-- end of numbers -->"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(found: list[float], digits: int) -> str:
    return f"{found[0]:.{digits}f} ± {found[1]:.{digits}f}"


def _textbook(record: dict[str, Any]) -> str:
    e, argon = record["electrons"], record["argon"]
    rows = []
    for energy in ("10", "40"):
        found = e[energy]
        books = f"{found['grindhammer']:.2f} (Grindhammer and Peters), {found['pdg']:.2f} (PDG)"
        rows.append([f"e- {energy} GeV in the stack: mean depth [X0]", _number(found["depth"], 2), books])
    books = f"{argon['grindhammer']:.1f} (Grindhammer and Peters), {argon['pdg']:.1f} (PDG)"
    rows.append(["e- 1 GeV in argon: mean depth [cm]", _number(argon["electron depth"], 1), books])
    rows.append(["e- 1 GeV in argon: deposit [MeV]", _number(argon["electron energy"], 1), "at most 1000"])
    rows.append(["muon 270 MeV in argon [MeV/cm]", _number(argon["muon loss"], 3), "2.105 (PDG, its minimum)"])
    rows.append(["proton 200 MeV in argon: range [cm]", _number(argon["proton range"], 2), "26 (PSTAR, recalled)"])
    rows.append(["muon 40 GeV: peak in a tile [MeV]", _number(e["muon"], 3), f"{record['mip']} (yardstick)"])
    for name, found in record["photons"].items():
        rows.append([f"photons in {name} [cm2/g]", _number(found["found"], 4), f"{found['nist']:.4f} (NIST)"])
    return _table(["quantity", "found", "textbook"], rows)


def _electrons(record: dict[str, Any]) -> str:
    rows = []
    for energy in ("10", "40"):
        found = record["electrons"][energy]
        sampling = [x * float(energy) ** 0.5 for x in found["resolution"]]
        rows.append([energy, _number(found["response"], 2), _number(sampling, 3), _number(found["hits"], 1)])
    return _table(["e- [GeV]", "response [MIP/GeV]", "sigma/mean x sqrt(E)", "hits"], rows)


def _pions(record: dict[str, Any], yardstick: dict[str, Any]) -> str:
    rows = []
    for energy, found in record["pions"].items():
        for name, one in (("here", found), ("yardstick", yardstick["pions"][energy])):
            response = [x / record["electrons"]["10"]["response"][0] for x in one["response"]]
            rows.append(
                [
                    f"{energy}, {name}",
                    f"{one['events'][0]} of {one['events'][1]}",
                    *(_number(one["response"], 1), _number(response, 3), _number(one["resolution"], 3)),
                    *(_number(one["hits"], 0), _number(one["rms of hits"], 0)),
                    _number(one["all events, no readout"], 1),
                ]
            )
    header = ["pi- [GeV]", "events", "MIP/GeV", "over e-", "sigma/mean", "hits", "rms", "MIP/GeV, all, no readout"]
    return _table(header, rows)


def _profiles(record: dict[str, Any], yardstick: dict[str, Any]) -> str:
    rows, chi2 = [], []
    for energy, found in record["pions"].items():
        here, there = found["profile"], yardstick["pions"][energy]["profile"]
        for name, profile in (("here", here), ("yardstick", there)):
            rows.append([f"{energy}, {name}", " ".join(f"{value:.2f}" for value, _ in profile)])
        z2 = [(a[0] - b[0]) ** 2 / (a[1] ** 2 + b[1] ** 2) for a, b in zip(here, there, strict=True)]
        chi2.append(f"{sum(z2) / len(z2):.2f} at {energy} GeV")
    table = _table(["pi- [GeV]", "MIP/GeV in the 15 layers from the shower's start"], rows)
    return (
        f"{table}\n\nMean of (difference / error)^2 over the layers, which fluctuate together: {', '.join(chi2)}."
    )


def numbers(record: dict[str, Any], yardstick: dict[str, Any]) -> str:
    """All tables."""
    tables = [_textbook(record), _electrons(record), _pions(record, yardstick), _profiles(record, yardstick)]
    return "\n\n".join(tables)


def main() -> None:
    """Put the numbers between their markers."""
    record, yardstick = (json.loads((HERE / f"{name}.json").read_text()) for name in ("numbers", "yardstick"))
    PAGE.write_text(put_between(PAGE.read_text(), BEGIN, numbers(record, yardstick), END))


if __name__ == "__main__":
    main()
