"""Events for the eye: examples of each class, and distributions by class and split. Loads matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pd4ml.arguments import as_path
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.report.style import CLASS_COLOURS, Picture, house_style, new_figure, picture, plain_text, save
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.store import Events

__all__ = ["FORMATS", "example_pictures", "plot_dataset"]

FORMATS = ("pdf", "png", "svg")
_SIZE = (4.4, 3.6)
_COLUMNS = 3
# So many events are enough for a distribution on paper.
_MOST_EVENTS = 5000


def example_pictures(dataset: type[Dataset], events: Events, name: str) -> list[Picture]:
    """One event of each class (of a regression: of a low and of a high target), drawn by its room."""
    pictures = []
    for i, (kind, index) in enumerate(_examples(dataset, events, 1)):
        figure, axes = new_figure(size=_SIZE)
        _draw(dataset, events, index, kind, axes)
        where = f"event {index} of the test split"
        pictures.append(picture(figure, f"{name}-{i}", f"Example of {dataset.name}: {kind}, {where}."))
    return pictures


def plot_dataset(dataset: type[Dataset], train: Events, test: Events, n_events: int, file: str | Path) -> None:
    """Draw ``n_events`` events of each class and the distributions of what one looks at, into ``file``.

    By class as colours; the train split as areas, the test split as points, with Poisson errors.
    """
    file = as_path(file, "file")
    suffix = file.suffix[1:].lower()
    if suffix not in FORMATS:
        raise DataError(f"expected a file that ends in .{', .'.join(FORMATS)}, found {file.name!r}")
    if n_events < 1:
        raise DataError(f"expected at least 1 event of each class, found {n_events}")
    with house_style():
        content = save(_overview(dataset, train, test, n_events), suffix, dataset.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, content)


def _overview(dataset: type[Dataset], train: Events, test: Events, n_events: int) -> Figure:
    """Examples above, distributions below."""
    examples = _examples(dataset, train, n_events)
    samples = {split: _sample(events) for split, events in (("train", train), ("test", test))}
    values = {split: dataset.observables(arrays) for split, arrays in samples.items()}
    panels = len(examples) + len(values["train"])
    figure, axes = new_figure(_COLUMNS, -(-panels // _COLUMNS), _SIZE)
    flat = list(np.ravel(axes))
    for (kind, index), ax in zip(examples, flat, strict=False):
        _draw(dataset, train, index, kind, ax)
    for label, ax in zip(values["train"], flat[len(examples) :], strict=False):
        _distribution(dataset, label, values, samples, ax)
    for ax in flat[panels:]:
        ax.set_axis_off()
    source = train.manifest.source
    figure.suptitle(plain_text(f"{dataset.name}, {source} events, variant {train.manifest.variant}"))
    return figure


def _examples(dataset: type[Dataset], events: Events, n_events: int) -> list[tuple[str, int]]:
    """What kind of event, and where it is: the first of each class, or of the least and the largest targets.

    Of vectors these are those of the first component; events with labels of nodes, or none, are of one kind.
    """
    if dataset.card.task not in ("classification", "regression"):
        return [("event", i) for i in range(min(2 * n_events, len(events)))]
    target = np.asarray(events.y[:_MOST_EVENTS])
    if classes := _classes(dataset):
        found = [(name, np.flatnonzero(target == i)[:n_events]) for i, name in enumerate(classes)]
    else:
        target = target.reshape(len(target), -1)[:, 0]
        order = np.argsort(target, kind="stable")
        name, n = dataset.card.target.name, len(order)
        # The extremes are no examples; the fifth and the ninety-fifth percentile are.
        found = [
            (f"{name} {side}", order[np.clip(n * share // 100 + np.arange(n_events), 0, n - 1)])
            for side, share in (("low", 5), ("high", 95))
        ]
    return [(name, int(index)) for name, places in found for index in places]


def _classes(dataset: type[Dataset]) -> tuple[str, ...]:
    """The classes that events, rather than their nodes, are of."""
    return dataset.card.classes if dataset.card.task == "classification" else ()


def _draw(dataset: type[Dataset], events: Events, index: int, kind: str, axes: Any) -> None:
    entries = events.manifest.arrays[events.split]
    event = {name: np.asarray(a[index] if entries[name].per_event else a) for name, a in events.items()}
    dataset.draw(event, axes)
    title = axes.get_title()
    axes.set_title(plain_text(kind) + (f": {title}" if title else ""))


def _sample(events: Events) -> dict[str, Any]:
    """The first events, with all their arrays."""
    return events.take(slice(0, min(len(events), _MOST_EVENTS)))


def _distribution(dataset: type[Dataset], label: str, values: Any, samples: Any, axes: Any) -> None:
    """One quantity by class, train as areas and test as points; a bin holds a share of the entries."""
    everything = values["train"][label]
    edges = _edges(everything)
    centre = (edges[1:] + edges[:-1]) / 2
    classes = _classes(dataset) or ("events",)
    for i, name in enumerate(classes):
        colour = CLASS_COLOURS[i % len(CLASS_COLOURS)]
        for split in ("train", "test"):
            chosen = (
                values[split][label] if not _classes(dataset) else _of_class(dataset, label, samples[split], i)
            )
            counts = np.histogram(chosen, edges)[0]
            total = max(len(chosen), 1)
            if split == "train":
                axes.stairs(counts / total, edges, color=colour, fill=True, alpha=0.25)
                axes.stairs(counts / total, edges, color=colour, label=f"{plain_text(name)}, train")
            else:
                style: dict[str, Any] = {"fmt": "os^D"[i % 4], "ms": 3, "lw": 1, "color": colour}
                axes.errorbar(
                    centre, counts / total, np.sqrt(counts) / total, **style, label=f"{plain_text(name)}, test"
                )
    axes.set(xlabel=label, ylabel="share of entries per bin")
    axes.legend(loc="best")


def _of_class(dataset: type[Dataset], label: str, arrays: dict[str, Any], i: int) -> Any:
    """The quantity for events of class ``i``: entries need not be one an event, so events are chosen first."""
    chosen = arrays[dataset.card.target.name] == i
    shared = {spec.name for spec in dataset.card.arrays if not spec.per_event}
    return dataset.observables({k: a if k in shared else a[chosen] for k, a in arrays.items()})[label]


def _edges(values: Any) -> Any:
    """Thirty bins over what lies between the outermost half per cents; whole ones for counts."""
    low, high = np.percentile(values, (0.5, 99.5)) if len(values) else (0.0, 1.0)
    if np.issubdtype(np.asarray(values).dtype, np.integer):
        step = max(1, int(np.ceil((high - low) / 30)))
        return np.arange(int(low), int(high) + 2 * step, step) - 0.5
    return np.linspace(low, high if high > low else low + 1, 31)
