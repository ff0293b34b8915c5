"""Jets of real samples in the layout of TopTagging, for tests; they skip where the samples are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

__all__ = ["cms_jets", "jet_class_jets"]

FOLDER = Path(__file__).parents[3] / "shared" / "realdata"
Columns = dict[str, NDArray[np.float64]]


def _open(name: str) -> Path:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the real sample {name} is not beside the repository")
    return path


def _padded(jets: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """(N, 200, 4) from p4 (4, P) of each jet, pT-sorted."""
    constituents = np.zeros((len(jets), 200, 4), np.float32)
    for n, p4 in enumerate(jets):
        order = np.argsort(-np.hypot(p4[1], p4[2]), kind="stable")
        constituents[n, : p4.shape[1]] = p4[:, order].T
    return constituents


def jet_class_jets() -> tuple[NDArray[np.float32], Columns]:
    """100 jets of JetClass-II and their columns pt, eta, phi, energy, soft-drop mass and number of particles."""
    path = _open("JetClassII_example.parquet")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = parquet.read_table(path)
    columns = [table[f"part_{name}"].to_pylist() for name in ("energy", "px", "py", "pz")]
    jets = [np.array(p4, np.float64) for p4 in zip(*columns, strict=True)]
    names = ("pt", "eta", "phi", "energy", "sdmass", "nparticles")
    return _padded(jets), {name: np.array(table[f"jet_{name}"], np.float64) for name in names}


def cms_jets(kind: str) -> tuple[NDArray[np.float32], Columns]:
    """All jets of ``kind`` "Jet" (AK4) or "FatJet" (AK8) of ten CMS events; pt and mass before calibration.

    An AK8 jet is made of candidates scaled by their PUPPI weights.
    """
    path = _open("cms_pfnano_10events.root")
    uproot = pytest.importorskip("uproot", reason="uproot is not installed")
    names = [f"{kind}_{x}" for x in ("pt", "eta", "phi", "mass", "rawFactor")]
    links = [f"{kind}PFCands_pFCandsIdx", f"{kind}PFCands_jetIdx"]
    candidates = [f"PFCands_{x}" for x in ("pt", "eta", "phi", "mass", "puppiWeight")]
    with uproot.open(path) as file:
        events = file["Events"].arrays([*names, *links, *candidates], library="np")
    jets, columns = [], []
    for event in range(len(events[names[0]])):
        pt, eta, phi, mass, weight = (events[name][event].astype(np.float64) for name in candidates)
        scale = weight if kind == "FatJet" else np.ones_like(pt)
        px, py, pz = scale * pt * np.cos(phi), scale * pt * np.sin(phi), scale * pt * np.sinh(eta)
        p4 = np.stack([np.sqrt(px**2 + py**2 + pz**2 + (scale * mass) ** 2), px, py, pz])
        of_jet, candidate = events[links[1]][event], events[links[0]][event]
        for jet in range(len(events[names[0]][event])):
            jets.append(p4[:, candidate[of_jet == jet]])
            columns.append([events[name][event][jet] for name in names])
    pt, eta, phi, mass, raw_factor = np.array(columns, np.float64).T
    return _padded(jets), {"pt": pt * (1 - raw_factor), "eta": eta, "phi": phi, "mass": mass * (1 - raw_factor)}
