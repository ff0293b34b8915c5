"""How often intervals and sets hold the truth: ``intervals.json`` beside a record, as a table.

The file comes from outside, like a record: what does not have the form that is written here is refused in a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pd4ml.benchmark.intervals import INTERVALS_NAME
from pd4ml.benchmark.record import Record
from pd4ml.card import Measurement
from pd4ml.errors import DataError
from pd4ml.report.beside import beside_records, count, is_a, measurement, number, read_beside, text
from pd4ml.report.numbers import format_measurement
from pd4ml.report.rows import Cell, Column, Row, Table, count_cell

__all__ = ["Coverage", "Level", "Part", "coverage_table", "coverages_of", "read_coverage"]

_FORMAT = 1
_MOST = 200  # of levels, classes, bins, variants
_BINS = {"by_prediction": "prediction", "by_truth": "truth", "by_quantity": ""}


@dataclass(frozen=True)
class Part:
    """Some events: the share of them that is covered, their number, and how wide intervals are."""

    name: str
    share: Measurement
    events: int
    size: float


@dataclass(frozen=True)
class Level:
    """What was measured of one ``coverage``: of all test events, of parts, of variants."""

    coverage: float
    nominal: Part
    by_class: tuple[Part, ...]
    bins: Mapping[str, tuple[Part, ...]]
    variants: tuple[tuple[Part, tuple[Part, ...]], ...]

    def parts(self, *, bins: bool) -> Iterator[Part]:
        """All of them, those in ``bins`` of prediction and truth if asked for."""
        yield self.nominal
        yield from self.by_class
        for part, of_classes in self.variants:
            yield part
            yield from of_classes
        if bins:
            for found in self.bins.values():
                yield from found


@dataclass(frozen=True)
class Coverage:
    """What an ``intervals.json`` says."""

    task: str
    unit: str
    scores: str
    levels: tuple[Level, ...]
    pulls: Mapping[str, Measurement]


def read_coverage(file: Path, predictions: str = "") -> Coverage:
    """Read and check an ``intervals.json``; ``predictions`` is the SHA-256 of those it must be made from.

    Raises DataError, one line, for a file that cannot be read, is of other predictions or has another form.
    """
    return read_beside(file, f"intervals of format {_FORMAT}", lambda body: _coverage(body, predictions))


def coverage_table(title: str, found: Mapping[str, Coverage], *, bins: bool = True) -> Table:
    """A row for each run (by its name), coverage and part of the events; ``bins`` of prediction and truth, too."""
    first = next(iter(found.values()))
    size = "labels" if first.scores == "classes" else f"width [{first.unit}]"
    columns = (
        Column.of("wanted"),
        Column.of("events of", left=True),
        Column.of("covered", falling=True),
        Column.of("off", falling=True),
        Column.of(size),
        Column.of("events", falling=True),
    )
    rows = [
        Row(name, _cells(level, part))
        for name, each in found.items()
        for level in each.levels
        for part in level.parts(bins=bins)
    ]
    note = "Errors are binomial, of calibration and test events; off is in errors"
    return Table(title, columns, tuple(rows), note=note, n_names=3)


def coverages_of(labelled: Mapping[str, Sequence[Record]]) -> tuple[dict[str, Coverage], list[str]]:
    """What records have beside them, by label and seed; and a sentence for each file that cannot be used."""

    def read(file: Path, record: Record) -> Coverage:
        found = read_coverage(file, record.predictions["sha256"])
        if found.task != record.dataset["task"]:
            raise DataError("they are of another task")
        return found

    return beside_records(labelled, INTERVALS_NAME, "intervals", read)


def _cells(level: Level, part: Part) -> tuple[Cell, ...]:
    off = (part.share.value - level.coverage) / (part.share.error or float("inf"))
    return (
        Cell(f"{level.coverage:g}", order=level.coverage),
        Cell(part.name),
        Cell(format_measurement(part.share), order=part.share.value),
        Cell(f"{off:+.1f}", order=off),
        Cell(f"{part.size:.3g}", order=part.size),
        count_cell(part.events),
    )


def _coverage(body: Any, predictions: str) -> Coverage:
    if is_a(body, dict)["format"] != _FORMAT:
        raise ValueError(f"format {body['format']!r}")
    if predictions and body["predictions"] != predictions:
        raise ValueError("it is of other predictions: compute it again")
    by = body["by"]
    quantity = "" if by is None else text(by["quantity"])
    levels = tuple(_level(each, quantity) for each in _some(body["levels"]))
    if not levels:
        raise ValueError("no coverage")
    found = body["pulls"] or {}
    of_pulls = {name: measurement(found[name]) for name in ("mean", "width") if name in found}
    return Coverage(text(body["task"]), text(body["unit"]), text(body["scores"]), levels, of_pulls)


def _level(body: Any, quantity: str) -> Level:
    coverage = number(body["coverage"])
    if not 0 < coverage < 1:
        raise ValueError(f"coverage {coverage}")
    return Level(
        coverage,
        _part("all", body["all"]),
        _classes(body),
        {
            name: tuple(_part(_between(name, quantity, of), of) for of in _some(body[name]))
            for name in _BINS
            if name in body
        },
        tuple(
            (_part(text(of["variant"]), of["all"]), _classes(of, of["variant"])) for of in _some(body["variants"])
        ),
    )


def _classes(body: Any, variant: str = "") -> tuple[Part, ...]:
    prefix = f"{text(variant)}, " if variant else ""
    return tuple(_part(f"{prefix}{text(of['class'])}", of) for of in _some(body.get("by_class", [])))


def _part(name: str, body: Any) -> Part:
    share, error = number(body["value"]), number(body["error"])
    if not 0 <= share <= 1 or error <= 0:
        raise ValueError(f"{name}: share {share}, error {error}")
    return Part(name, Measurement(share, error), count(body["events"]), number(body["size"]))


def _between(name: str, quantity: str, body: Any) -> str:
    low, high = (None if body[end] is None else f"{number(body[end]):.4g}" for end in ("low", "high"))
    what = _BINS[name] or quantity
    if low is None or high is None:
        return what if low == high else f"{what} below {high}" if low is None else f"{what} from {low}"
    return f"{what} {low} to {high}"


def _some(body: Any) -> list[Any]:
    found: list[Any] = is_a(body, list)
    if len(found) > _MOST:
        raise ValueError(f"{len(found)} parts")
    return found
