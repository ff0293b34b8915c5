"""Measure what is learned of LArPixels's labels, beside what needs no network; keeps ``labels.json``.

``python evidence/lar_tpc/labels.py RUNS PATH``: trainings on what ``pd4ml generate LArPixels -n 2500 --path PATH``
made, here of ``graph_net_quick`` with a width of 64; then runs ``page.py``. Without a network: the commonest label
for all pixels, and the commonest one in each of fifty equal shares of the train split's pixels by charge. The
figure, ``docs/figures/lar_pixels.png``, has the true labels of an event above those that the first training gives.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.benchmark.record import find_records, read_record
from pd4ml.datasets.lar_tpc import LArPixels
from pd4ml.datasets.lar_tpc.draw import draw_labels
from pd4ml.evaluation.predictions import Predictions
from pd4ml.metrics.by_task import metrics
from pd4ml.storage.ragged import padded

HERE = Path(__file__).parent
FIGURE = HERE.parents[1] / "docs" / "figures" / "lar_pixels.png"
N_CLASSES, N_SHARES = len(LArPixels.card.classes), 50
Numbers = NDArray[Any]


def pixels_of(events: Any) -> tuple[Numbers, Numbers, Numbers]:
    """Event, charge and label of all pixels that have a label."""
    label = np.asarray(events.y)
    charge = padded(events["pixels"][:], label.shape[1])[..., 3]
    there = label >= 0
    return np.nonzero(there)[0], charge[there], label[there].astype(np.int64)


def without_network(train: Any, test: Any) -> dict[str, Numbers]:
    """Labels of the test split's pixels."""
    _, known, label = pixels_of(train)
    _, charge, _ = pixels_of(test)
    edges = np.quantile(known, np.arange(1, N_SHARES) / N_SHARES)
    counts = np.zeros((N_SHARES, N_CLASSES))
    np.add.at(counts, (np.searchsorted(edges, known), label), 1)
    return {
        "commonest label": np.full(len(charge), counts.sum(axis=0).argmax()),
        "charge alone": counts.argmax(axis=1)[np.searchsorted(edges, charge)],
    }


def scores(chosen: Numbers, test: Any) -> dict[str, Any]:
    """Accuracy, and of each label efficiency, purity and F1 = 2 IoU / (1 + IoU), with errors of whole events."""
    event, _, truth = pixels_of(test)
    found = metrics("segmentation", np.eye(N_CLASSES)[chosen], truth, event=event)
    rows: dict[str, list[list[float]]] = {"efficiency": [], "purity": [], "f1": []}
    for k in range(N_CLASSES):
        for name in ("efficiency", "purity"):
            one = found[f"{name}_class_{k}"]
            rows[name].append([one.value, one.error or 0.0])
        iou = found[f"iou_class_{k}"]
        rows["f1"].append([2 * iou.value / (1 + iou.value), 2 * (iou.error or 0.0) / (1 + iou.value) ** 2])
    confusion = np.zeros((N_CLASSES, N_CLASSES), int)
    np.add.at(confusion, (truth, chosen), 1)
    accuracy = found["accuracy"]
    return {"accuracy": [accuracy.value, accuracy.error], **rows, "confusion": confusion.tolist()}


def picture(test: Any, chosen: Numbers) -> None:
    """An event with a shower, a track and low energy: the true labels above the others."""
    import matplotlib.pyplot as plt

    event, _, truth = pixels_of(test)
    counts = np.zeros((len(test), N_CLASSES))
    np.add.at(counts, (event, truth), 1)
    shown = int(np.minimum(counts[:, [0, 1, 4]], [150, 150, 50]).sum(axis=1).argmax())
    figure, axes = plt.subplots(2, 1, figsize=(9, 6), layout="constrained")
    for what, labels, axis in zip(("true labels", "those of the network"), (truth, chosen), axes, strict=True):
        draw_labels({"pixels": test["pixels"][shown], "pixel_label": labels[event == shown]}, axis)
        axis.set_title(what)
    figure.savefig(FIGURE, dpi=90, bbox_inches="tight")


def main() -> None:
    """Measure, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("path", type=Path)
    asked = parser.parse_args()
    train, test = (LArPixels.open(split, asked.path, source="generated") for split in ("train", "test"))
    found = {name: scores(chosen, test) for name, chosen in without_network(train, test).items()}
    for file in find_records(asked.runs):
        record = read_record(file)
        if record.dataset["name"] != LArPixels.name or record.folder is None:
            continue
        predictions = Predictions.read(record.folder / record.predictions["file"], "segmentation")
        assert predictions.node is not None
        order = np.lexsort((predictions.node, predictions.event_id))
        chosen = predictions.output[order].argmax(axis=1)
        if len(found) == 2:
            picture(test, chosen)
        width = record.recipe["hyperparameters"]["width"]
        name = f"`{record.model['name']}`, width {width}, {record.epochs['trained']} epochs, seed {record.seed}"
        found[name] = scores(chosen, test)
    shares = np.bincount(pixels_of(test)[2], minlength=N_CLASSES)
    known = {"train": len(train), "test": len(test), "pixels": shares.tolist(), "scores": found}
    (HERE / "labels.json").write_text(json.dumps(known, indent=1) + "\n")
    subprocess.run([sys.executable, HERE / "page.py"], check=True)


if __name__ == "__main__":
    main()
