"""Fit the numbers of parametrised pions to Geant4's, by Gauss-Newton steps: ``tune.py [STEPS]``, an hour.

It starts from the package's numbers and prints the best it finds, to be copied into ``shower.py`` by hand. What is
fitted are the measures of ``profiles.py`` at four energies: of pions of the engine that the README's tables do not
use, and of the yardstick, weighted by their errors. To these errors comes in quadrature what is close enough.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from profiles import Hits, beam, measured

from pd4ml.datasets.calo_test_beam import simulator
from pd4ml.datasets.calo_test_beam.shower import PARAMETERS, Parameters

Floats = NDArray[np.float64]

PIONS = {10: 1001, 20: 801, 40: 701, 80: 1501}  # of the engine; other numbers than evidence.py's are other events
N_PARAMETRISED = 2500  # at 20 GeV
FREE = (
    *("interaction", "slow_pion", "leading", "exchange", "mesons", "evenness", "neutral", "momentum", "least"),
    *("nuclear", "nuclear_power", "nucleon", "binding", "protons", "neutrons", "neutron", "neutron_width", "late"),
)
# Close enough: of a value, but for the dense share and rings as they are, and profiles of their peak.
CLOSE = {
    "response": 0.005,
    "resolution": 0.02,
    "hits": 0.01,
    "rms of hits": 0.04,
    "rms of dense share": 0.04,
    "after dense share": 0.04,
    "late share": 0.1,
}
DENSE, PROFILE, RING, PERCENTILE = 0.005, 0.02, 0.004, 0.03
PERCENTILE_ERROR = 0.05
CHANGE = 0.25  # of each number, for derivatives
RANGES = {"protons": (0.1, 0.7), "leading": (0.05, 0.6), "exchange": (0.02, 0.5), "neutral": (0.2, 0.5)}


def rows(found: dict[str, Any]) -> Floats:
    """(n, 3) value, error and what is close enough, of what is fitted at one energy."""
    out = [(*found[name], close * found[name][0]) for name, close in CLOSE.items()]
    peak = max(value for value, _ in found["profile"])
    out += [(*found["dense share"], DENSE)]
    out += [(*layer, PROFILE * peak) for layer in found["profile"]]
    out += [(*ring, RING) for ring in found["rings"]]
    out += [(value, PERCENTILE_ERROR * value, PERCENTILE * value) for value in found["percentiles"]]
    return np.array(out)


def target() -> tuple[Floats, Floats]:
    """(n,) what both simulations with Geant4 say together, and (n,) the errors."""
    yardstick = json.loads((Path(__file__).parent / "yardstick.json").read_text())
    values, errors = [], []
    for energy, number in PIONS.items():
        engine = rows(measured(Hits.plain(energy, beam("geant4", "pi-", energy, number)[1])))
        other = rows(yardstick["pions"][f"{energy}"])
        weight = np.stack([engine[:, 1], other[:, 1]]) ** -2.0
        values.append((weight * np.stack([engine[:, 0], other[:, 0]])).sum(0) / weight.sum(0))
        errors.append(np.hypot(weight.sum(0) ** -0.5, engine[:, 2]))
    return np.concatenate(values), np.concatenate(errors)


def parametrised(numbers: Parameters, seed: int) -> Floats:
    """(n,) the same of parametrised pions."""
    counts = {energy: int(N_PARAMETRISED * (20 / energy) ** 0.5) + seed for energy in PIONS}
    with mock.patch.object(simulator, "PARAMETERS", numbers):
        pions = {energy: beam("parametrised", "pi-", energy, n)[1] for energy, n in counts.items()}
    return np.concatenate([rows(measured(Hits.plain(energy, tiles)))[:, 0] for energy, tiles in pions.items()])


def changed(numbers: Parameters, shares: Floats) -> Parameters:
    """Each free number changed by its share, within its range."""
    new = {name: getattr(numbers, name) * (1 + share) for name, share in zip(FREE, shares, strict=True)}
    return numbers._replace(**{k: float(np.clip(v, *RANGES.get(k, (0, np.inf)))) for k, v in new.items()})


def main() -> None:
    """Fit, and print chi2 and numbers after each step."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    values, errors = target()
    best, damping = PARAMETERS, 10.0
    found = parametrised(best, 0)
    chi2 = float((((found - values) / errors) ** 2).sum())
    print(f"start: chi2 {chi2:.0f} of {len(values)} numbers", flush=True)
    for step in range(1, steps + 1):
        slopes = [
            (parametrised(changed(best, one), step) - parametrised(changed(best, -one), step)) / 2 / errors
            for one in CHANGE * np.eye(len(FREE))
        ]
        a, residual, tried = np.array(slopes).T, (values - found) / errors, []
        for factor in (0.25, 1.0, 5.0):
            move = np.linalg.solve(a.T @ a + factor * damping * np.eye(len(FREE)), a.T @ residual)
            numbers = changed(best, CHANGE * np.clip(move, -1.6, 1.6))
            new = parametrised(numbers, 0)
            tried.append((float((((new - values) / errors) ** 2).sum()), factor * damping, numbers, new))
        least = min(tried, key=lambda one: one[0])
        if least[0] < chi2:
            chi2, damping, best, found = least
        else:
            damping *= 5
        print(
            f"step {step}: chi2 {chi2:.0f}",
            {name: float(f"{getattr(best, name):.3g}") for name in FREE},
            flush=True,
        )


if __name__ == "__main__":
    main()
