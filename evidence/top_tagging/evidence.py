"""What the generated top-tagging jets look like: simulates them and writes ``numbers.json``.

Takes about a quarter of an hour on two cores, then runs ``page.py``, which makes the figures and the
tables of the room's README from the JSON file and can be run alone. What is known of the published jets is read
from ``../shared/realdata`` beside the repository.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from published_jets import PUBLISHED, compare, look_at, merge, real_jets

from pd4ml.datasets.top_tagging import simulator
from pd4ml.datasets.top_tagging.card import CARD
from pd4ml.datasets.top_tagging.matching import match_tops
from pd4ml.datasets.top_tagging.simulator import Config, simulate
from pd4ml.physics.detector import ETA_MAX, detector_response
from pd4ml.physics.detector_card import DETECTORS
from pd4ml.physics.jets import antikt_jets
from pd4ml.physics.kinematics import pt_eta_phi_mass
from pd4ml.physics.pythia import BATCH, final_state, make_pythia, next_batch

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
REFERENCE = PUBLISHED / "test_pt.csv"
CLASSES = {"qcd": 0, "top": 1}
PT_EDGES = np.arange(550.0, 651.0, 5.0)
EDGES = {
    "mass": np.arange(0.0, 301.0, 5.0),
    "multiplicity": np.arange(0.0, 161.0, 4.0),
    "leading_energy": np.arange(0.0, 2501.0, 20.0),
    "pt": PT_EDGES,
}
# Jets simulated: for the figures, with the natural spectrum, of each variant (fewer with pile-up, which is slow).
N_DEFAULT, N_NATURAL, N_VARIANT, N_PILEUP = 12_000, 4_000, 1_600, 100
N_NARROW = 6_000
N_WIDE = 10_000  # events of the study of the partons' pT range
CHUNK = 400
WIDE = (0.45, 2.5)  # its range, in units of the window, and the power that fills it evenly
WIDE_POWER = 5.0
NARROW = (525.0 / 550.0, 720.0 / 650.0)  # a range of high yield, for comparison

Arrays = dict[str, Any]  # arrays (N,); ``seen`` is what is compared with published jets, by class


def observables(n_jets: int, config: Config, seed: np.random.SeedSequence) -> Arrays:
    """What is looked at of ``n_jets`` jets; each (N,)."""
    arrays = simulate(n_jets, seed, config)
    p4 = arrays["constituents"].astype(np.float64)
    pt, _, _, mass = pt_eta_phi_mass(p4.sum(axis=1))
    seen = {name: look_at(arrays["constituents"][arrays["label"] == label]) for name, label in CLASSES.items()}
    return {
        "seen": seen,
        "pt": pt,
        "mass": mass,
        "multiplicity": np.count_nonzero(p4[..., 0], axis=1).astype(np.float64),
        "leading_energy": p4[:, 0, 0],
        "label": arrays["label"].astype(np.float64),
    }


def sample(n_jets: int, config: Config, seed: int) -> Arrays:
    """``n_jets`` jets, made by two processes."""
    chunk = min(CHUNK, n_jets // 2)
    seeds = np.random.SeedSequence(seed).spawn(n_jets // chunk)
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(partial(observables, chunk, config), seeds))
    out: Arrays = {name: np.concatenate([p[name] for p in parts]) for name in parts[0] if name != "seen"}
    return out | {"seen": {process: merge([part["seen"][process] for part in parts]) for process in CLASSES}}


def narrow_sample() -> Arrays:
    """Jets as the cross sections make them from partons in a narrow range of pT, without any bias."""
    with mock.patch.dict(simulator.PTHAT_RANGE, natural=NARROW):  # the processes are forked and see it
        return sample(N_NARROW, Config(pt_spectrum="natural"), 3)


def parton_pt_study(process: str) -> Arrays:
    """``parton_pt`` and ``pt`` of the jets in the window, with a range of parton pT wider than the simulator's.

    The events are biased by parton_pt ** WIDE_POWER, which ``natural_weight`` takes out.
    """
    config = Config()
    settings = [line for line in simulator.pythia_settings(process, config) if "PhaseSpace" not in line]
    low, high = WIDE[0] * config.pt_min, WIDE[1] * config.pt_max
    settings += [f"PhaseSpace:pTHatMin = {low}", f"PhaseSpace:pTHatMax = {high}", "PhaseSpace:bias2Selection = on"]
    settings += [f"PhaseSpace:bias2SelectionPow = {WIDE_POWER}", f"PhaseSpace:bias2SelectionRef = {low}"]
    pythia, rng = make_pythia(settings, 11), np.random.default_rng(11)
    parts = []
    for _ in range(N_WIDE // BATCH):
        record = next_batch(pythia, BATCH)
        flow = detector_response(final_state(record, ETA_MAX), rng, DETECTORS[config.detector])
        jets = antikt_jets(flow.p4, flow.offsets, simulator.JET_RADIUS, config.pt_min)
        pt, eta, phi, _ = pt_eta_phi_mass(jets.p4)
        keep = (pt < config.pt_max) & (np.abs(eta) < simulator.JET_ETA_MAX)
        if process == "top":
            keep &= match_tops(record, jets.event, eta, phi)
        # The first parton out of the hard collision; the system, the beams and the two partons in come before.
        parton = record.offsets[:-1] + 5
        parton_pt = np.hypot(record.px[parton], record.py[parton])
        parts.append(np.stack([parton_pt[jets.event], pt])[:, keep])
    parton_pt, pt = np.concatenate(parts, axis=1)
    return {"parton_pt": parton_pt, "pt": pt}


def natural_weight(study: Arrays, power: float = 0.0) -> NDArray[np.float64]:
    """Weights that give the study's jets the spectrum of the cross sections, times parton_pt ** ``power``."""
    return np.asarray((study["parton_pt"] / 600.0) ** (power - WIDE_POWER))


def inside(study: Arrays, bounds: tuple[float, float]) -> NDArray[np.bool_]:
    """Which jets come from partons within ``bounds``, in units of the window."""
    low, high = bounds[0] * 550.0, bounds[1] * 650.0
    return np.asarray((study["parton_pt"] > low) & (study["parton_pt"] < high))


def kept(study: Arrays, bounds: tuple[float, float], power: float) -> list[float]:
    """Share of the jets that a range of parton pT keeps, in four equal parts of the window."""
    weight = natural_weight(study, power)
    part = ((study["pt"] - 550.0) // 25.0).astype(int)
    return list(np.bincount(part, weight * inside(study, bounds), 4) / np.bincount(part, weight, 4))


def reference() -> dict[str, NDArray[np.float64]]:
    """Published jets in PT_EDGES, by class."""
    table = np.loadtxt(REFERENCE, delimiter=",", skiprows=2)
    return {"qcd": table[:, 2], "top": table[:, 3]}


def power_law(counts: NDArray[np.float64]) -> dict[str, float]:
    """Mean of a pT histogram in GeV, and the exponent of the power law through it, with its error."""
    centre = (PT_EDGES[1:] + PT_EDGES[:-1]) / 2
    fit, covariance = np.polyfit(np.log(centre / 600), np.log(counts), 1, w=np.sqrt(counts), cov="unscaled")
    mean = counts @ centre / counts.sum()
    return {"mean": float(mean), "slope": float(fit[0]), "error": float(covariance[0, 0] ** 0.5)}


def against_reference(process: str, pt: NDArray[np.float64]) -> dict[str, Any]:
    """A pT spectrum against the published one of its class, both normalised to the same area."""
    published = reference()[process]
    counts = np.histogram(pt, PT_EDGES)[0].astype(np.float64)
    scale = counts.sum() / published.sum()
    return {
        "jets": int(counts.sum()),
        "chi2": float(np.sum((counts - scale * published) ** 2 / (counts + scale**2 * published))),
        "ndf": counts.size - 1,
        "generated": power_law(counts),
        "published": power_law(published),
    }


def by_class(arrays: Arrays) -> dict[str, Any]:
    """``against_reference`` of both classes of a sample."""
    return {p: against_reference(p, arrays["pt"][arrays["label"] == label]) for p, label in CLASSES.items()}


def means(arrays: Arrays) -> dict[str, Any]:
    """Means by class, with the errors of the means."""
    out: dict[str, Any] = {}
    for process, label in CLASSES.items():
        of = arrays["label"] == label
        out[process] = {
            name: [float(arrays[name][of].mean()), float(arrays[name][of].std() / np.sqrt(of.sum()))]
            for name in ("mass", "multiplicity", "leading_energy")
        }
    return out


def compared(arrays: Arrays) -> dict[str, Any]:
    """Both classes of a sample against what is known of the published jets."""
    return {process: compare(arrays["seen"][process], process) for process in CLASSES}


def mode(values: NDArray[np.float64], half_width: float) -> float:
    """Where a distribution peaks: the mean of what lies around it, moved there until it stays."""
    centre = float(np.median(values))
    for _ in range(100):
        centre = float(values[np.abs(values - centre) < half_width].mean())
    return centre


def shapes(arrays: Arrays) -> dict[str, float]:
    """Peak positions and shares that the README quotes."""
    top = arrays["label"] == 1
    mass, lead = arrays["mass"], arrays["leading_energy"]
    return {
        "top_mass_peak": mode(mass[top], 12.0),
        "top_in_peak": float(np.mean(np.abs(mass[top] - 173) < 35)),
        "qcd_in_peak": float(np.mean(np.abs(mass[~top] - 173) < 35)),
        "top_in_w": float(np.mean(np.abs(mass[top] - 80.4) < 15)),
        "leading_energy_max": float(lead.max()),
    }


def histograms(arrays: Arrays, name: str) -> dict[str, list[float]]:
    """``edges`` and the counts of both classes."""
    counts = {p: np.histogram(arrays[name][arrays["label"] == c], EDGES[name])[0] for p, c in CLASSES.items()}
    return {"edges": EDGES[name].tolist()} | {process: column.tolist() for process, column in counts.items()}


def simulate_all() -> dict[str, Any]:
    """Everything that takes time, as one record of plain numbers."""
    default = sample(N_DEFAULT, Config(), 1)
    record: dict[str, Any] = {
        "jets": N_DEFAULT,
        "shapes": shapes(default),
        "spectrum": {"reference": by_class(default)},
        "variants": {"default": means(default)},
        "against": {"default": compared(default)},
        "real": {"jets": 20, "same_place": int(look_at(real_jets()[0])["same_place"])},
        "published": {process: counts.tolist() for process, counts in reference().items()},
        "histograms": {name: histograms(default, name) for name in EDGES},
    }
    natural = sample(N_NATURAL, Config(pt_spectrum="natural"), 2)
    record["spectrum"]["natural"] = by_class(natural)
    record["variants"]["natural pT spectrum"] = means(natural)
    record["spectrum"]["natural, partons 525 to 720 GeV"] = by_class(narrow_sample())
    for seed, (name, variant) in enumerate(CARD.variants.items(), start=10):
        if name != "default":
            config = Config(**variant.config)
            varied = sample(N_PILEUP if config.pileup else N_VARIANT, config, seed)
            record["variants"][name] = means(varied)
            if name in ("mpi_off", "card_2"):
                record["against"][name] = compared(varied)
    with ProcessPoolExecutor(2) as pool:
        studies = dict(zip(CLASSES, pool.map(parton_pt_study, CLASSES), strict=True))
    powers = {"reference": simulator.BIAS_POWER, "natural": dict.fromkeys(CLASSES, 0.0)}
    record["kept"] = {
        kind: {p: kept(x, simulator.PTHAT_RANGE[kind], powers[kind][p]) for p, x in studies.items()}
        for kind in powers
    }
    record["kept"]["natural, partons 525 to 720 GeV"] = {p: kept(x, NARROW, 0.0) for p, x in studies.items()}
    record["studied"] = {process: study["pt"].size for process, study in studies.items()}
    record["bias_power"], record["parton_range"] = simulator.BIAS_POWER, simulator.PTHAT_RANGE
    return record


def main() -> None:
    """Simulate, keep the numbers, write the page."""
    RECORD.write_text(json.dumps(simulate_all(), indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
