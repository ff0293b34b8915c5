"""Make ``pdg_tokens.csv`` from the ``particle`` package: python -m pd4ml.datasets.belle.make_tokens.

The table holds the leptons, the photon, the mesons and the baryons of the Particle Data Group's list, as the
package ``particle`` keeps it, that are no heavier than a B meson, and the Upsilon(4S), by rising PDG code.
"""

from __future__ import annotations

import csv
import sys
from typing import TextIO

from pd4ml.datasets.belle.tokens import TABLE

__all__ = ["MADE_WITH", "write_table"]

MADE_WITH = "1.1.0"  # of the package particle: another version may list other states

_HEAVIEST = 5280.0  # MeV: the B mesons
_PHOTON, _UPSILON_4S, _NEUTRINOS, _FIRST_NUCLEUS = 22, 300553, (12, 14, 16), 1_000_000_000  # PDG codes


def write_table(file: TextIO) -> None:
    """Write token, PDG code and name, one line each."""
    from particle import Particle

    found = {}
    for particle in Particle.findall():
        code, mass = particle.pdgid, particle.mass
        known = code.is_lepton or code.is_meson or code.is_baryon or code == _PHOTON
        light = (mass is not None and mass < _HEAVIEST) or abs(code) in _NEUTRINOS
        if (known and light and abs(code) < _FIRST_NUCLEUS) or code == _UPSILON_4S:
            found[int(code)] = particle.name
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["token", "pdg_id", "name"])
    rows.writerows([token, pdg_id, found[pdg_id]] for token, pdg_id in enumerate(sorted(found), start=1))


if __name__ == "__main__":
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        write_table(table)
    print(f"wrote {TABLE.name}", file=sys.stderr)
