"""What might remove the differences that are left between generated and published jets: writes ``residuals.json``.

Each alternative is a few lines for Pythia, set after the simulator's own; nothing else differs. Takes half
an hour on one core.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from published_jets import Jets, compare, look_at

from pd4ml.datasets.top_tagging import simulator
from pd4ml.datasets.top_tagging.simulator import Config, simulate
from pd4ml.physics.pythia import make_pythia

RECORD = Path(__file__).parent / "residuals.json"
N_JETS = 4_000
SOFT = -0.75  # ln(E / GeV) below which constituents are soft: 0.47 GeV
BOTH = ("generated", "published")
# Pythia's manual of version 8.3, pages "Tunes", "Timelike Showers", "Multiparton Interactions", "Particle Data".
ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "default": (),
    "tunes of Pythia 8.1 (4C; e+e- 3)": ("Tune:ee = 3", "Tune:pp = 5"),
    "tune of ATLAS (A14)": ("Tune:pp = 21",),
    "top decays as in Pythia 8.160 to 8.313": ("TimeShower:recoilStrategyRF = 1",),
    "alphaS of final showers 0.1365 to 0.1465": ("TimeShower:alphaSvalue = 0.1465",),
    "more soft interactions (pT0Ref 2.28 to 2.15)": ("MultipartonInteractions:pT0Ref = 2.15",),
    "no colour reconnection": ("ColourReconnection:reconnect = off",),
}


def study(lines: tuple[str, ...], n_jets: int = N_JETS, seed: int = 5) -> dict[str, Any]:
    """``compare`` of both classes of jets made with ``lines`` besides the simulator's, and its errors."""

    def more(settings: list[str], seed: int) -> Any:
        return make_pythia([*settings, *lines], seed)

    with mock.patch.object(simulator, "make_pythia", more):
        arrays = simulate(n_jets, np.random.SeedSequence(seed), Config())
    return {
        process: _numbers(look_at(arrays["constituents"][arrays["label"] == label]), process)
        for label, process in enumerate(("qcd", "top"))
    }


def _numbers(jets: Jets, process: str) -> dict[str, Any]:
    """What the README's table of residuals has, generated and published."""
    against = compare(jets, process)
    edges = np.array(against["constituents"]["e_log"]["edges"])
    soft = edges[1:] < SOFT + 1e-6
    low, _, high = (np.percentile(jets["mass"], q) for q in (16, 50, 84))
    published = against["mass"]["published"]
    return {
        "jets": len(jets["n"]),
        "constituents": against["multiplicity"]["mean"],
        "spread": against["multiplicity"]["spread"],
        "ks": against["multiplicity"]["ks"],
        "tail": against["multiplicity"]["tail"],
        "soft": [
            float(np.array(against["constituents"]["e_log"][of])[soft].sum()) for of in ("generated", "published")
        ],
        "half_width": [float(high - low) / 2, (published[3] - published[1]) / 2],
        "chi2": [against["mass"]["chi2"], against["mass"]["bins"]],
    }


def main() -> None:
    """Simulate, keep the numbers after each alternative; those named on the command line only, or all."""
    names = sys.argv[1:] or list(ALTERNATIVES)
    record: dict[str, Any] = json.loads(RECORD.read_text()) if sys.argv[1:] else {}
    for name in names:
        record[name] = study(ALTERNATIVES[name])
        RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
