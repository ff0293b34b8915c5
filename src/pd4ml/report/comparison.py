"""The comparison of a section as a table: trainings grouped by seed, published scores marked as such."""

from __future__ import annotations

from collections.abc import Sequence

from pd4ml.card import PublishedScore
from pd4ml.report.groups import Section
from pd4ml.report.rows import (
    ABSENT,
    Cell,
    Column,
    Row,
    Table,
    count_cell,
    metric_cells,
    metric_columns,
    published_cells,
)
from pd4ml.report.shown import shown_metrics, shown_of_classes

__all__ = ["by_class", "compare"]

_COUNTS = (Column.of("trainings", falling=True), Column.of("events", falling=True))


def compare(section: Section, published: Sequence[PublishedScore]) -> Table:
    """The table of a section and of what was published on its dataset."""
    metrics = shown_metrics(_measured(section), details=True)
    columns = metric_columns(metrics, section.dataset.get("unit", "1"))
    rows = [
        Row(
            group.label,
            (
                count_cell(len(group.records)),
                count_cell(group.first.events.get("train")),
                *metric_cells(group, metrics),
            ),
        )
        for group in section.groups
    ]
    rows += [
        Row(
            score.model,
            (Cell(ABSENT), Cell(ABSENT), *published_cells(score, metrics, ",.12g", ".12g")),
            score.reference,
        )
        for score in published
    ]
    return Table(section.title, (*_COUNTS, *columns), tuple(rows))


def by_class(section: Section, classes: Sequence[str]) -> Table | None:
    """Metrics of each of K classes against the rest, a row for each model and class; None where there are none."""
    measured = _measured(section)
    metrics = shown_of_classes(measured)
    if not metrics:
        return None
    n_classes = sum(name.startswith(f"{metrics[0]}_class_") for name in measured)
    names = [classes[k] if k < len(classes) else f"class {k}" for k in range(n_classes)]
    rows = [
        Row(group.label, (Cell(name), *metric_cells(group, [f"{metric}_class_{k}" for metric in metrics])))
        for group in section.groups
        for k, name in enumerate(names)
    ]
    return Table(section.title, (Column.of("class", left=True), *metric_columns(metrics)), tuple(rows))


def _measured(section: Section) -> set[str]:
    return {name for record in section.records for name in record.metrics}
