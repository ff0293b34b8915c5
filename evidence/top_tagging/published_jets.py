"""Generated jets against what is known of the published ones: distributions of all of them, and 20 whole jets.

Each file in ``published`` names its source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.kinematics import pt_eta_phi_mass

__all__ = ["PUBLISHED", "Jets", "compare", "look_at", "merge", "real_jets", "shares"]

PUBLISHED = Path(__file__).parent / "published"
CLASSES = ("qcd", "top")
MASS_EDGES = np.arange(0.0, 301.0, 5.0)
TAIL = 80  # constituents, beyond which few jets are
QUANTILES = (5, 16, 50, 84, 95)
# Energy of the second constituent, GeV: where the published ones have a spike, and its surroundings.
SPIKE, AROUND = (42.0, 49.0), (28.0, 63.0)

Array = NDArray[np.float64]
Jets = dict[str, Any]


def look_at(constituents: NDArray[np.float32]) -> Jets:
    """What is compared, of jets (N, 200, 4) of one class: sums and values, small enough to keep."""
    p4 = constituents.astype(np.float64)
    real = p4[..., 0] > 0
    pt, eta, phi, _ = pt_eta_phi_mass(p4)
    jet = p4.sum(axis=1)
    _, jet_eta, jet_phi, mass = pt_eta_phi_mass(jet)
    d_phi = (phi - jet_phi[:, None] + np.pi) % (2 * np.pi) - np.pi
    edges = _constituent_edges()
    with np.errstate(divide="ignore"):
        values = {
            "e_log": np.log(p4[..., 0]),
            "pt_log": np.log(pt),
            "dR": np.hypot(eta - jet_eta[:, None], d_phi),
        }
    return {
        "n": real.sum(axis=1),
        "mass": mass,
        "constituents": {name: np.histogram(values[name][real], edges[name])[0] for name in edges},
        "same_place": sum(_pairs(eta[i, m], phi[i, m]) for i, m in enumerate(real)),
        "second_energy": p4[:, 1, 0],
    }


def merge(parts: list[Jets]) -> Jets:
    """Several parts of one class as one."""
    out: Jets = {name: np.concatenate([p[name] for p in parts]) for name in ("n", "mass", "second_energy")}
    names = parts[0]["constituents"]
    out["constituents"] = {name: np.sum([p["constituents"][name] for p in parts], axis=0) for name in names}
    out["same_place"] = sum(p["same_place"] for p in parts)
    return out


def compare(jets: Jets, process: str) -> dict[str, Any]:
    """Numbers of the README's tables, generated and published, of one class."""
    n = len(jets["n"])
    survival = _table("multiplicity.csv")
    published = survival[process]
    ours = np.array([np.mean(jets["n"] > k) for k in survival["n"]])
    mass = _table("mass.csv")[process][: len(MASS_EDGES) - 1]
    counts = np.histogram(jets["mass"], MASS_EDGES)[0]
    return {
        "jets": n,
        "multiplicity": {
            "mean": [float(jets["n"].mean()), float(published.sum())],
            "spread": [float(jets["n"].std()), _spread(survival["n"], published)],
            "ks": float(np.abs(ours - published).max()),
            "tail": [float(of[survival["n"] == TAIL][0]) for of in (ours, published)],
        },
        "mass": {
            "quantiles": np.percentile(jets["mass"], QUANTILES).tolist(),
            "published": _quantiles(mass),
            **_chi2(counts, mass),
        },
        "constituents": {
            name: {
                "edges": edges.tolist(),
                "generated": (jets["constituents"][name] / n).tolist(),
                "published": _constituents(name)[process].tolist(),
                "ks": _ks(jets["constituents"][name], _constituents(name)[process]),
            }
            for name, edges in _constituent_edges().items()
        },
        "same_place": jets["same_place"] / n,
        "spike": _spike(jets["second_energy"]),
    }


def shares(observable: str, process: str, edges: Array) -> Array:
    """Published share of jets in bins of ``mass`` (edges of MASS_EDGES) or ``multiplicity`` (whole edges)."""
    if observable == "mass":
        mass = _table("mass.csv")[process][: len(edges) - 1]
        return np.asarray(mass / mass.sum())
    table = _table("multiplicity.csv")
    # n or more constituents are more than n - 1
    at_least = np.interp(edges - 1, table["n"], table[process], left=1.0, right=0.0)
    return np.asarray(-np.diff(at_least))


def real_jets() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 20 whole published jets: (20, 200, 4) in GeV, and their labels."""
    rows = [
        line.split(",") for line in (PUBLISHED / "20jets.csv").read_text().splitlines() if not line.startswith("#")
    ]
    constituents, label, filled = np.zeros((20, 200, 4), np.float32), np.zeros(20, np.int64), np.zeros(20, int)
    for jet, kind, _, *p4 in rows:
        i = int(jet)
        constituents[i, filled[i]] = [float(value) for value in p4]
        label[i], filled[i] = int(kind), filled[i] + 1
    return constituents, label


def _pairs(eta: Array, phi: Array) -> int:
    """How many constituents share their place with the one before, to five digits."""
    place = np.stack([eta, phi], axis=1).round(5)
    return len(place) - len(np.unique(place, axis=0))


def _spike(energy: Array) -> float:
    """Density of second constituents in the window of the spike, over that around it."""
    inside = np.mean((energy > SPIKE[0]) & (energy < SPIKE[1])) / (SPIKE[1] - SPIKE[0])
    around = np.mean((energy > AROUND[0]) & (energy < AROUND[1])) - inside * (SPIKE[1] - SPIKE[0])
    width = (AROUND[1] - AROUND[0]) - (SPIKE[1] - SPIKE[0])
    return float(inside / (around / width))


def _chi2(counts: NDArray[np.int64], published: Array) -> dict[str, float]:
    """Of a histogram against published shares of 20,000 jets of both classes, 10,000 of this one."""
    n, n_published = counts.sum(), 10_000
    a, b = counts / n, published / published.sum()
    variance = a / n + b / n_published
    used = (counts >= 5) & (b * n_published >= 5)
    return {"chi2": float(np.sum((a - b)[used] ** 2 / variance[used])), "bins": int(used.sum())}


def _ks(ours: NDArray[np.int64], published: Array) -> float:
    """Largest distance of two cumulated histograms, both normalised."""
    return float(np.abs(np.cumsum(ours) / ours.sum() - np.cumsum(published) / published.sum()).max())


def _quantiles(shares: Array) -> list[float]:
    """Quantiles of a histogram in MASS_EDGES, linear within its bins."""
    cumulated = np.concatenate([[0], np.cumsum(shares)]) / shares.sum()
    return [float(np.interp(q / 100, cumulated, MASS_EDGES)) for q in QUANTILES]


def _spread(n: Array, more: Array) -> float:
    """Standard deviation from the share of jets with more than ``n``: E(n^2) = sum of (2 n + 1) P(> n)."""
    return float(np.sqrt(np.sum((2 * n + 1) * more) - np.sum(more) ** 2))


def _table(name: str) -> dict[str, Array]:
    lines = [line for line in (PUBLISHED / name).read_text().splitlines() if not line.startswith("#")]
    columns = np.array([line.split(",") for line in lines[1:]], dtype=np.float64).T
    return dict(zip(lines[0].split(","), columns, strict=True))


def _constituents(observable: str) -> dict[str, Array]:
    lines = (PUBLISHED / "constituents.csv").read_text().splitlines()
    rows = [line.split(",")[1:] for line in lines if line.startswith(observable + ",")]
    low, high, qcd, top = np.array(rows, dtype=np.float64).T
    return {"edges": np.append(low, high[-1]), "qcd": qcd, "top": top}


def _constituent_edges() -> dict[str, Array]:
    return {name: _constituents(name)["edges"] for name in ("e_log", "pt_log", "dR")}
