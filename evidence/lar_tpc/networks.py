"""Measure what models make of LArTPC's images, and draw some; keeps ``networks.json``, then runs ``page.py``.

``python evidence/lar_tpc/networks.py RUNS PATH``: trainings on what ``pd4ml generate LArTPC -n 20000 --path PATH``
made, or on the first of these events. Of the reference model that saw most events the confusion matrix, and what
it costs to exchange planes; of recipes the difference to boosted trees on the same events; of muons the true
length beside one read off the image. The figure is ``docs/figures/lar_tpc.png``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pd4ml.benchmark.record import Record, find_records, read_record
from pd4ml.benchmark.run import load_run
from pd4ml.datasets.lar_tpc import LArTPC
from pd4ml.datasets.lar_tpc.argon import bethe
from pd4ml.datasets.lar_tpc.draw import draw
from pd4ml.datasets.lar_tpc.graph import graphs
from pd4ml.datasets.lar_tpc.readout import DRIFT_LENGTH, N_PIXELS, PIXEL
from pd4ml.datasets.lar_tpc.simulator import Config, simulate
from pd4ml.datasets.lar_tpc.summary import largest_blob
from pd4ml.evaluation.predictions import Predictions
from pd4ml.graphs import PackedGraphs
from pd4ml.metrics.shift import Predicted, paired_difference
from pd4ml.models.batch import GraphBatch
from pd4ml.storage.ragged import entries, ragged
from pd4ml.training.recipe import TREES

HERE = Path(__file__).parent
FIGURE = HERE.parents[1] / "docs" / "figures" / "lar_tpc.png"
SCORES = ("accuracy", "auc_macro")
REFERENCE = "lar_cnn_quick"
# Which plane each is taken for.
OTHERS = "both slanted planes of the next event"
EXCHANGED = {
    "+60° and -60° exchanged": (1, 0, 2),
    "-60° and vertical exchanged": (0, 2, 1),
    OTHERS: (0, 1, 2),
}
MUON = 105.6583755
Numbers = NDArray[Any]


def learned(runs: Path, events: Any) -> dict[str, Any]:
    """Scores of each finished training and how they differ from the trees'; of the reference model more."""
    records = [record for record in map(read_record, find_records(runs)) if record.dataset["name"] == LArTPC.name]
    records.sort(key=lambda record: (trained_on(record), record.recipe["name"], record.seed or 0))
    found: dict[str, Any] = {"test": len(events), "scores": []}
    trees = {trained_on(r): r for r in records if r.recipe["name"] == TREES}
    for record in records:
        n = trained_on(record)
        row = {"events": n, "recipe": record.recipe["name"], "seed": record.seed}
        row |= {name: [record.metrics[name].value, record.metrics[name].error] for name in SCORES}
        if n in trees and record is not trees[n]:
            row["over trees"] = over(record, trees[n], events)
        found["scores"].append(row)
    reference = [r for r in records if (r.recipe["name"], r.seed) == (REFERENCE, 1)]
    if reference and reference[-1].folder is not None:
        found |= of_the_reference(load_run(reference[-1].folder), events)
    return found


def trained_on(record: Record) -> int:
    """Number of events, validation included."""
    return int(record.events["train"] + record.events["valid"])


def over(one: Record, other: Record, events: Any) -> list[float]:
    """How much larger the AUC of one training is than that of another, from the same resamples of events."""
    truth, sides = np.asarray(events.y), []
    for record in (other, one):
        assert record.folder is not None
        predictions = Predictions.read(record.folder / record.predictions["file"], "classification")
        sides.append(Predicted(predictions.output[np.argsort(predictions.event_id)], truth))
    found = paired_difference("classification", *sides, paired=True).difference["auc_macro"]
    return [found.value, found.error or 0.0]


def of_the_reference(run: Any, events: Any) -> dict[str, Any]:
    """Confusion, and accuracies where planes were exchanged, in each event the same way."""
    truth, (content, offsets) = np.asarray(events.y), entries(events["pixels"][:])
    own = np.repeat(np.arange(len(truth)), np.diff(offsets))
    vertical = content[:, 0] == 2
    right, costs = {}, {}
    for name, order in (("as seen", (0, 1, 2)), *EXCHANGED.items()):
        moved = content.copy()
        moved[:, 0] = np.array(order)[content[:, 0].astype(int)]
        event = np.where(vertical, own, (own + 1) % len(truth)) if name == OTHERS else own
        starts = np.concatenate([[0], np.bincount(event, minlength=len(truth)).cumsum()])
        by_event = np.argsort(event, kind="stable")
        packed = graphs({"pixels": ragged(moved[by_event], starts)}, {}, edges=False)
        guess = guessed(run.fitted.model.eval(), packed)
        right[name] = (guess == truth).astype(float)
        if name == "as seen":
            confusion = np.zeros((3, 3), int)
            np.add.at(confusion, (truth, guess), 1)
        else:
            difference = right[name] - right["as seen"]
            costs[name] = [float(difference.mean()), float(difference.std() / np.sqrt(len(truth)))]
    return {"confusion": confusion.tolist(), "exchanged": costs}


def guessed(model: Any, packed: PackedGraphs) -> Numbers:
    """The class of each event."""
    with torch.no_grad():
        blocks = GraphBatch.from_packed(packed).blocks(50_000)
        return np.concatenate([model(block).argmax(dim=1).numpy() for block in blocks])


def muons() -> dict[str, Any]:
    """True range of muons of quasi-elastic events of a softer beam, and the distance of the largest blob's ends.

    Ends are where the blob begins and ends along the drift, which all planes share; height and depth there are
    those of the wires that see it. Blobs that touch the image's edge are left out, and vertices from which the
    image reaches out of the detector. True is the integral of 1 / (dE/dx) from 1 MeV. Protons are not cut off.
    """
    energy = np.geomspace(1.0, 3000.0, 3000)
    slope = [1 / bethe(e, MUON, 1e9) for e in energy]
    ranges = np.concatenate([[0.0], np.cumsum(np.diff(energy) * (np.add(slope[1:], slope[:-1]) / 2))])
    events = simulate(3000, np.random.SeedSequence(5), Config(flux_peak=0.4))
    true, seen = [], []
    middle = np.abs(events["vertex"][:, 0] - DRIFT_LENGTH / 2) < DRIFT_LENGTH / 2 - N_PIXELS * PIXEL / 2 - 10
    for event in np.flatnonzero((events["label"] == 0) & (events["kind"] == 0) & middle):
        pixels = np.asarray(events["pixels"][event])
        ends = [_ends(pixels[pixels[:, 0] == plane]) for plane in range(3)]
        if any(end is None for end in ends):
            continue
        at = np.array(ends, float)  # plane, end, row and column
        if np.ptp(at[:, :, 1], axis=0).max() > 3 or at[2, 1, 1] - at[2, 0, 1] < 10:
            continue
        height = (at[0, :, 0] - at[1, :, 0]) / (2 * np.sin(np.radians(60)))
        steps = np.diff(np.stack([at[2, :, 1], height, at[2, :, 0]]), axis=1)
        seen.append(PIXEL * float(np.linalg.norm(steps)))
        true.append(float(np.interp(1000 * events["lepton"][event, 0] - MUON, energy, ranges)))
    ratio = np.array(seen) / np.array(true)
    return {
        "events": len(true),
        "ratio": [float(q) for q in np.quantile(ratio, [0.16, 0.5, 0.84])],
        "correlation": float(np.corrcoef(true, seen)[0, 1]),
        "true": np.round(true, 1).tolist(),
        "seen": np.round(seen, 1).tolist(),
    }


def _ends(pixels: Numbers) -> Numbers | None:
    """(2, 2) row and column where the largest blob begins and ends along the drift, if it is within the image."""
    blob = largest_blob(pixels[:, 1:3].astype(np.int64)) if len(pixels) else np.zeros((1, 2))
    if blob.min() < 1 or blob.max() > N_PIXELS - 2:
        return None
    columns = blob[:, 1]
    return np.stack([blob[columns == end].mean(axis=0) for end in (columns.min(), columns.max())])


def pictures(events: Any) -> None:
    """An event of each class, of about a GeV."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(9, 9), layout="constrained")
    near = np.abs(events["energy"][:] - 1.2)
    for label, axis in enumerate(axes):
        chosen = int(np.where(np.asarray(events.y) == label, near, np.inf).argmin())
        draw({"pixels": events["pixels"][chosen]}, axis)
        axis.set_title(f"{LArTPC.card.classes[label]}, {events['energy'][chosen]:.1f} GeV")
    figure.savefig(FIGURE, dpi=90, bbox_inches="tight")


def main() -> None:
    """Measure, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("path", type=Path)
    asked = parser.parse_args()
    events = LArTPC.open("test", asked.path, source="generated")
    found = learned(asked.runs, events) | {"muons": muons()}
    (HERE / "networks.json").write_text(json.dumps(found, indent=1) + "\n")
    pictures(events)
    subprocess.run([sys.executable, HERE / "page.py"], check=True)


if __name__ == "__main__":
    main()
