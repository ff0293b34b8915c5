"""Sections of the report with their tables and pictures; several processes draw one each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from pd4ml.dataset import Dataset
from pd4ml.generation.pool import process_pool
from pd4ml.progress import progress
from pd4ml.report.comparison import by_class, compare
from pd4ml.report.coverage import coverage_table, coverages_of
from pd4ml.report.groups import Section
from pd4ml.report.ranking import best
from pd4ml.report.rows import Table
from pd4ml.report.runs import Outputs, open_events, read_outputs
from pd4ml.report.shift import descriptions, shift_table, shifts_of
from pd4ml.report.speed import speed_table
from pd4ml.storage.store import Events

__all__ = ["Part", "drawn"]

_MOST_TOGETHER = 6  # models in one plot, each with a colour of its own: the best
_ALL_DRAWN, _BEST_DRAWN = 4, 2  # models of a section with pictures of their own: all of four, of more the best


@dataclass
class Part:
    """What the page shows of a section."""

    anchor: str
    section: Section
    title: str
    table: Table
    speed: Table
    of_classes: Table | None = None
    shift: Table | None = None
    variants: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[Any] = field(default_factory=list)
    shift_pictures: list[Any] = field(default_factory=list)
    coverage: Table | None = None
    coverage_pictures: list[Any] = field(default_factory=list)
    examples: list[Any] = field(default_factory=list)


def drawn(sections: Sequence[Section], path: Path | None, workers: int = 1) -> list[Part]:
    """Each section with what the page shows of it; events are those below ``path``."""
    anchors = [f"s{i + 1}" for i in range(len(sections))]
    n_records = [len(section.records) for section in sections]
    parts: list[Part] = []
    with progress("drawing", sum(n_records), "runs") as bar, _mapped(min(workers, len(sections))) as mapped:
        for n, part in zip(n_records, mapped(_part, anchors, sections, repeat(path)), strict=True):
            parts.append(part)
            bar.advance(n)
    return parts


@contextmanager
def _mapped(workers: int) -> Iterator[Any]:
    """`map`, in this process or in so many."""
    if workers <= 1:
        yield map
        return
    with process_pool(workers) as pool:
        yield pool.map


def _part(anchor: str, section: Section, path: Path | None) -> Part:
    from pd4ml.report.pictures import each_model, learning, performance, shift_pictures, training
    from pd4ml.report.style import house_style
    from pd4ml.report.trust import coverage_pictures

    dataset, events, note = open_events(section, path)
    title, literature = ("", ()) if dataset is None else (dataset.card.title, dataset.card.literature)
    part = Part(anchor, section, title, compare(section, literature), speed_table(section))
    part.of_classes = by_class(section, () if dataset is None else dataset.card.classes)
    labelled = {group.label: group.records for group in section.groups}
    shifts, notes = shifts_of(labelled)
    coverages, more = coverages_of(labelled)
    part.notes += [*([note] if note else []), *notes, *more]
    if shifts:
        part.shift, part.variants = shift_table(section.title, shifts), descriptions(shifts.values())
    if coverages:
        part.coverage = coverage_table(section.title, coverages, bins=False)
    with house_style():
        n_models, together = len(section.largest.groups), best(section.largest, _MOST_TOGETHER)
        if n_models > _MOST_TOGETHER:
            part.notes.append(f"Of {n_models} models the plots show the best {_MOST_TOGETHER}; tables have all.")
        outputs = {} if dataset is None or events is None else _outputs(part, together, dataset, events)
        part.pictures += performance(anchor, together, dataset, outputs)
        part.pictures += learning(anchor, section, dataset)
        part.pictures += training(anchor, together)
        if dataset is not None and events is not None:
            alone = best(together, n_models if n_models <= _ALL_DRAWN else _BEST_DRAWN)
            if len(alone.groups) < n_models:
                part.notes.append(f"Of {n_models} models the best {_BEST_DRAWN} are drawn one by one.")
            each = {group.label: outputs[group.label] for group in alone.groups if group.label in outputs}
            part.pictures += each_model(anchor, dataset, each)
            part.pictures += _attributions(part, alone, dataset, events)
            part.examples = _examples(part, dataset, events)
        part.shift_pictures += shift_pictures(anchor, shifts)
        part.coverage_pictures += coverage_pictures(anchor, coverages) if coverages else ()
    return part


def _outputs(part: Part, section: Section, dataset: type[Dataset], events: Events) -> dict[str, list[Outputs]]:
    """Predictions with their truth by model; what cannot be had is noted."""
    outputs: dict[str, list[Outputs]] = {}
    for group in section.groups:
        for record in group.records:
            found = read_outputs(record, dataset.card, events)
            if isinstance(found, str):
                part.notes.append(found)
            else:
                outputs.setdefault(group.label, []).append(found)
    return outputs


def _attributions(part: Part, section: Section, dataset: type[Dataset], events: Events) -> list[Any]:
    """What networks look at; nothing where torch is not installed."""
    try:
        from pd4ml.report.attribution import attribution_pictures
    except ImportError:
        return []
    return list(attribution_pictures(part.anchor, section, dataset, events, part.notes))


def _examples(part: Part, dataset: type[Dataset], events: Events) -> list[Any]:
    from pd4ml.report.examples import example_pictures

    return example_pictures(dataset, events, f"{part.anchor}-example")
