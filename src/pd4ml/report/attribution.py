"""What networks look at, pixel by pixel, for datasets whose graphs are images. Loads matplotlib and torch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pd4ml.benchmark.record import Record
from pd4ml.benchmark.run import load_run
from pd4ml.dataset import Dataset
from pd4ml.errors import Pd4mlError
from pd4ml.evaluation.attribution import attributions
from pd4ml.report.groups import Section
from pd4ml.report.style import Picture, new_panels, picture, plain_text
from pd4ml.storage.store import Events
from pd4ml.training.network import Network
from pd4ml.training.recipe import TREES

__all__ = ["attribution_pictures"]

Image = NDArray[np.float32]

# Enough for a mean, few enough for networks that are slow.
_MOST_EVENTS = 256
_MOST_CLASSES = 4


def attribution_pictures(
    anchor: str, section: Section, dataset: type[Dataset], events: Events, notes: list[str]
) -> Iterator[Picture]:
    """Gradient times input of each pixel, mean of each class: a picture for the first training of each recipe.

    Runs that keep no network are left out, and so are those whose graphs are no images; what cannot be loaded is
    added to ``notes``.
    """
    if dataset.card.task not in ("classification", "regression") or dataset.card.target.shape:
        return
    for i, group in enumerate(section.groups):
        try:
            mean = _means(group.first, dataset, events)
        except Pd4mlError as error:
            notes.append(f"What {group.label} looks at cannot be shown: {error}.")
            continue
        if mean:
            yield _picture(f"{anchor}-attribution-{i + 1}", group.label, mean)


def _means(record: Record, dataset: type[Dataset], events: Events) -> dict[str, Image]:
    """Means (height, width) over the events of each class; of a regression over all."""
    if record.folder is None or not record.artifacts or record.recipe.get("model") == TREES:
        return {}
    fitted = load_run(record.folder).fitted
    some = events.choose(np.arange(min(len(events), _MOST_EVENTS)))
    found = attributions(fitted, some) if isinstance(fitted, Network) else None
    if found is None or found.ndim != 3:
        return {}
    classes = dataset.card.classes[:_MOST_CLASSES] if dataset.card.task == "classification" else ()
    label = np.asarray(some.y)
    means = {name: found[label == k].mean(axis=0) for k, name in enumerate(classes) if (label == k).any()}
    return means or {"all events": found.mean(axis=0)}


def _picture(name: str, label: str, means: dict[str, Image]) -> Picture:
    """A panel for each class, all in one scale; what raises the output is red."""
    figure, panels = new_panels(len(means), len(means), (3.0, 2.6))
    largest = max(float(np.abs(mean).max()) for mean in means.values()) or 1.0
    for axes, (of, mean) in zip(panels, means.items(), strict=True):
        shown = axes.imshow(mean, "RdBu_r", vmin=-largest, vmax=largest, origin="lower", interpolation="none")
        axes.set_title(plain_text(of))
    figure.colorbar(shown, ax=panels, label="gradient × input")
    text = (
        f"What {label} looks at: gradient times input of each pixel, mean of test events. Red raises the output."
    )
    return picture(figure, name, text, wide=len(means) > 1)
