"""Evidence for the EOSL room's README: spectra against the published numbers, and what a classifier learns.

``python evidence/eosl/evidence.py [FOLDER]`` generates events into FOLDER (demo/evidence if none is given) or
finds them there, trains, draws the README's figure and keeps the numbers in ``numbers.json``, from which
``page.py`` writes the tables: some minutes on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from pd4ml.datasets.eosl import EOSL
from pd4ml.datasets.eosl.features import features, fit_bins
from pd4ml.physics.hydro.cooper_frye import pion_spectrum
from pd4ml.physics.hydro.equation_of_state import EquationOfState, eosq, s95p
from pd4ml.physics.hydro.freezeout import freeze_out
from pd4ml.physics.hydro.glauber import SYSTEMS, Collision, collide, entropy_density, impact_parameter
from pd4ml.physics.hydro.solver import Fluid
from pd4ml.storage.store import Events

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
FIGURES = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "eosl" / "figures"
N_EVENTS, PER_EVENT, SEED = 40_000, 5, 1
EPOCHS, BATCH, TRAININGS = 10, 128, 2
GRIDS = {"fine": (0.2, 1), "default": (0.4, 1), "coarse": (0.4, 2)}  # cell in fm, cells of the surface's cubes
PHI = (np.arange(24) + 0.5) * np.pi / 12

Floats = NDArray[np.float64]


def observables(spectra: NDArray[np.float32]) -> dict[str, Floats]:
    """One number for each spectrum and observable."""
    counts = spectra.astype(np.float64)
    totals, rows = counts.sum(axis=(1, 2)), counts.mean(axis=2)
    ratio = np.divide(counts.var(axis=2, ddof=1), rows, out=np.full_like(rows, np.nan), where=rows > 0)
    return {
        "total": totals,
        "largest bin": counts.max(axis=(1, 2)),
        "variance / mean along phi": np.nanmean(ratio, axis=1),
        "row of the peak": rows.argmax(axis=1).astype(np.float64),
        "size of v2": np.abs((counts.sum(axis=1) * np.exp(2j * PHI)).sum(axis=1)) / totals,
        "mean pT [GeV]": (rows * (np.arange(24) + 0.5) / 12).sum(axis=1) / rows.sum(axis=1),
    }


def summary(events: Events) -> dict[str, Any]:
    """Quantiles of the observables, and their means in both classes with errors from independent events."""
    found, label = observables(events["pion_spectrum"]), np.asarray(events.y)
    out: dict[str, Any] = {}
    for name, values in found.items():
        classes = [by_event(values[label == k], events["event_id"][label == k]) for k in (0, 1)]
        out[name] = {"quantiles": np.quantile(values, [0.05, 0.5, 0.95]).tolist(), "classes": classes}
    return out


def by_event(values: NDArray[Any], event: NDArray[np.int64]) -> list[float]:
    """Mean of ``values`` and its error: spectra of one event are not independent, events are."""
    _, index = np.unique(event, return_inverse=True)
    n = np.bincount(index)
    residual = np.bincount(index, values - values.mean())
    return [float(values.mean()), float(np.sqrt((residual**2).sum()) / n.sum())]


class Network(nn.Module):
    """A small convolutional network that knows that the azimuth is a circle."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 16, 5), nn.BatchNorm2d(16), nn.PReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(16, 32, 5), nn.BatchNorm2d(32), nn.PReLU(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.3), nn.LazyLinear(64), nn.PReLU(), nn.Dropout(0.3), nn.Linear(64, 1)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (B,) of standardised spectra (B, 1, 24, 24)."""
        return torch.squeeze(self.layers(torch.cat([x, x[..., :4]], dim=-1)), 1)


def fully_connected() -> nn.Module:
    """A plain dense network."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(576, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, 64), nn.ReLU()),
        *(nn.Linear(64, 1), nn.Flatten(0)),
    )


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, seed: int) -> None:
    """Adam, cosine schedule; the azimuth of every spectrum is rotated at random."""
    generator = torch.Generator().manual_seed(seed)
    model(x[:2])  # gives lazy layers their shape
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-3)
    n_steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=n_steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=generator)
        model.train()
        for start in range(0, len(x) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            shift = int(torch.randint(24, (1,), generator=generator))
            loss = nn.functional.binary_cross_entropy_with_logits(model(x[rows].roll(shift, -1)), y[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    model.eval()


def linear_inputs(spectra: NDArray[np.float32]) -> Floats:
    """What a trivial leak would show in: total, mean pT, size of v2."""
    found = observables(spectra)
    return np.stack([found["total"], found["mean pT [GeV]"], found["size of v2"]], axis=1)


def accuracies(events: Events, right: NDArray[np.bool_], keep: slice) -> dict[str, list[float]]:
    """Accuracy with errors for all spectra and for both kinds."""
    kind, event = events["kind"][keep], events["event_id"][keep]
    out = {"all": by_event(right, event)}
    for name, k in (("event-by-event", 0), ("averaged", 1)):
        out[name] = by_event(right[kind == k], event[kind == k])
    return out


def n_seen(events: Events) -> int:
    """How many of the train split's spectra are trained on: whole chunks, so that no event is on both sides."""
    return round(0.8 * len(events)) // 200 * 200


def classify(train_events: Events, test_events: Events) -> dict[str, Any]:
    """Accuracies of a linear model and of networks, on new events of the train split's parameters and on test."""
    n_train = n_seen(train_events)
    seen, held = slice(0, n_train), slice(n_train, None)
    spectra = np.array(train_events["pion_spectrum"])
    label = np.asarray(train_events.y, np.int64)
    parts = {
        "new events, parameters of train": (train_events, spectra[held], label[held], held),
        "test, shifted parameters": (
            test_events,
            np.array(test_events["pion_spectrum"]),
            np.asarray(test_events.y, np.int64),
            slice(None),
        ),
    }
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(linear_inputs(spectra[seen]), label[seen])
    out: dict[str, Any] = {
        "linear (total, mean pT, size of v2)": {
            name: accuracies(e, line.predict(linear_inputs(s)) == y, keep)
            for name, (e, s, y, keep) in parts.items()
        }
    }
    mean, spread = fit_bins(spectra[seen])

    def tensor(s: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(features(s, mean, spread)[..., 0][:, None].copy())

    x, y = tensor(spectra[seen]), torch.from_numpy(label[seen].astype(np.float32))
    for name, make in (("dense network", fully_connected), ("convolutional network", Network)):
        logits: dict[str, list[NDArray[Any]]] = {part: [] for part in parts}
        for seed in range(TRAININGS):
            torch.manual_seed(seed)
            model = make()
            train(model, x, y, seed)
            with torch.no_grad():
                for part, (_, s, _, _) in parts.items():
                    logits[part].append(model(tensor(s)).numpy())
        out[name] = {}
        for part, (events, _, truth, keep) in parts.items():
            right = np.mean([(z > 0) == truth for z in logits[part]], axis=0)  # averaged over the trainings
            out[name][part] = accuracies(events, right, keep)
    return out


def grids() -> list[dict[str, Any]]:
    """Pions of two events with both equations of state, on three grids."""
    out = []
    for seed, (name, centrality) in enumerate((("Au+Au", 10.0), ("Pb+Pb", 30.0))):
        system = SYSTEMS[name]
        collision = collide(system, impact_parameter(system, centrality), 1.0, np.random.default_rng(seed))
        for eos in (s95p(), eosq()):
            found = {grid: on_grid(collision, eos, cell, coarsen) for grid, (cell, coarsen) in GRIDS.items()}
            out.append({"event": f"{name}, {centrality:.0f} %, {eos.name}", **found})
    return out


def on_grid(collision: Collision, eos: EquationOfState, cell: float, coarsen: int) -> list[float]:
    """Number of pions, mean pT (GeV) and v2."""
    density = entropy_density(collision, 0.4, round(32 / cell), cell, 0.5)
    fluid = Fluid(eos.energy_of_entropy(density), 0.4, cell, eos)
    (surface,) = freeze_out(fluid, [0.14], coarsen=coarsen)
    pt = (np.arange(24) + 0.5) / 12
    spectrum = pion_spectrum(surface, pt, PHI)
    total = spectrum.sum()
    v2 = abs((spectrum * np.exp(2j * PHI)).sum()) / total
    return [float(total * np.pi / 144), float((spectrum * pt[:, None]).sum() / total), float(v2)]


def draw(events: Events) -> None:
    """The first two spectra of each class and kind, of different hydrodynamic events."""
    figure, axes = plt.subplots(2, 4, figsize=(11, 5.2), layout="constrained")
    label, kind, event = np.asarray(events.y), events["kind"], events["event_id"]
    for row, (k, title) in zip(axes, enumerate(("event-by-event", "averaged")), strict=True):
        rows = [np.flatnonzero((label == c) & (kind == k)) for c in (0, 1)]
        picked = [i for found in rows for i in found[np.sort(np.unique(event[found], return_index=True)[1])[:2]]]
        for ax, i in zip(row, picked, strict=True):
            spectrum = events["pion_spectrum"][int(i)]
            shown = ax.imshow(spectrum, origin="lower", extent=(0, 2 * np.pi, 0, 2), aspect="auto")
            ax.set_title(f"{('EOSL', 'EOSQ')[label[i]]}, {title}: {spectrum.sum():.0f} pions", fontsize="small")
            plt.colorbar(shown, ax=ax)
        row[0].set_ylabel("pT [GeV]")
    for ax in axes[1]:
        ax.set_xlabel("azimuth")
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(FIGURES / "examples.png", dpi=65)
    plt.close(figure)


def main() -> None:
    """Generate, measure, train, draw; write the page."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "demo" / "evidence"
    EOSL.generate(folder, N_EVENTS, seed=SEED, workers=2, variant="evidence", spectra_per_event=PER_EVENT)
    events = {
        split: EOSL.open(split, folder, source="generated", variant="evidence") for split in ("train", "test")
    }
    record = {
        "train": len(events["train"]),
        "test": len(events["test"]),
        "hydro": [len(np.unique(e["event_id"])) for e in events.values()],
        "spectra": summary(events["train"]),
        "accuracy": classify(events["train"], events["test"]),
        "epochs": EPOCHS,
        "trainings": TRAININGS,
        "trained_on": len(np.unique(events["train"]["event_id"][: n_seen(events["train"])])),
        "grids": grids(),
    }
    draw(events["train"])
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
