"""Tables of the LArTPC room's README, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "lar_tpc" / "README.md"
BEGIN, END = "<!-- numbers: evidence/lar_tpc/evidence.py -->", "<!-- end of numbers -->"
KNOWN = {
    "least loss [MeV/cm]": "2.105 (PDG, 1.508 MeV cm2/g)",
    "range of protons of 200 MeV [cm]": "26.0 (range tables)",
    "depth of electrons' showers at 1 GeV [cm]": "58.5 (Grindhammer and Peters), 68.8 (PDG)",
    "radius of 90 % of it [cm]": "about 1 to 2 Moliere radii of 9.6",
    "first 3 cm of electrons of 500 MeV, median [MeV/cm]": "one minimum-ionising particle",
    "first 3 cm of photons of 500 MeV, median [MeV/cm]": "two of them",
}


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows)]


def _with_error(value: float, error: float) -> str:
    return f"{value:.3f} ± {error:.3f}" if error else f"{value:.3f}"


def text(record: dict[str, Any]) -> str:
    """The part of the README between its marks."""
    rows = [[name, _with_error(*found), KNOWN[name]] for name, found in record["particles"].items()]
    lines = _table(["particles in argon", "here", "known"], rows)
    if found := record.get("geant4"):
        auc = _with_error(*found["auc"])
        lines += [
            "",
            "The same interactions with Geant4 (stand-in tables) in place of our transport: boosted trees",
        ]
        lines += [
            f"on summaries of {found['events']:,} pairs tell them apart with an AUC of {auc} (five-fold; a network"
        ]
        lines += ["that sees the image may do better). Geant4 less ours, in the vertical wires:"]
        lines += ["", *_table(["quantity", "shift"], [[k, _with_error(*v)] for k, v in found["shifts"].items()])]
    for name, found in record.get("learned", {}).items():
        scores = ", ".join(f"{key} {_with_error(*found[key])}" for key in ("accuracy", "auc_macro"))
        lines += ["", f"`{name}`, one seed: {scores}. Test events by class and by what was guessed:", ""]
        names = ["nu_mu CC", "nu_e CC", "NC"]
        rows = [[n, *map(str, row)] for n, row in zip(names, found["confusion"], strict=True)]
        lines += _table(["true", *names], rows)
    return "\n".join(lines)


if __name__ == "__main__":
    before, _, rest = README.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    found = text(json.loads((HERE / "numbers.json").read_text()))
    README.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{after}")
