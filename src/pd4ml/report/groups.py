"""Records side by side: sections of the same events, groups of trainings that differ in their seed only."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from pd4ml.benchmark.record import Record
from pd4ml.card import Measurement
from pd4ml.metrics.measurement import spread

__all__ = ["Group", "Section", "Summary", "sections"]

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Summary:
    """A metric over the trainings of a group.

    ``mean`` has the bootstrap error of the test events, which the trainings share, so that it does not shrink
    with their number; ``spread`` is the standard deviation between ``n`` trainings, None of a single one.
    """

    mean: Measurement
    spread: float | None
    n: int


@dataclass(frozen=True)
class Group:
    """Trainings of one recipe on the same events, by seed; ``label`` is its name on the page."""

    label: str
    records: tuple[Record, ...]

    @property
    def n_train(self) -> int:
        """How many events were trained on, validation included; 0 if nobody says."""
        return int(self.first.events.get("train", 0) + self.first.events.get("valid", 0))

    @property
    def first(self) -> Record:
        """The training of the lowest seed, for what all have in common."""
        return self.records[0]

    def summary(self, metric: str) -> Summary | None:
        """``metric`` over the trainings; if one has a lower limit only, the smallest value is the limit of all."""
        measured = [record.metrics[metric] for record in self.records if metric in record.metrics]
        if not measured:
            return None
        values = np.array([m.value for m in measured])
        if any(m.lower_limit for m in measured):
            return Summary(Measurement(float(values.min()), None, lower_limit=True), None, len(values))
        errors = np.array([m.error or 0.0 for m in measured])
        mean = Measurement(float(values.mean()), float(np.sqrt(np.mean(errors**2))))
        return Summary(mean, float(spread(values[:, None])[0]) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class Section:
    """What was trained on the same events of a dataset: the numbers of a section may be compared."""

    dataset: dict[str, Any]
    groups: tuple[Group, ...]

    @property
    def title(self) -> str:
        """Name, source and variant of the dataset."""
        facts = self.dataset
        variant = "" if facts["variant"] == "default" else f", variant {facts['variant']}"
        part = f", a part: {self.records[0].events['test']:,} test events" if self.records[0].part else ""
        return f"{facts['name']} ({facts['source']}{variant}{part})"

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, group by group."""
        return tuple(record for group in self.groups for record in group.records)

    @property
    def learning_curves(self) -> dict[str, list[Group]]:
        """By recipe, trainings on rising numbers of events; of recipes that have more than one number."""
        by_recipe = _gather(self.groups, lambda group: json.dumps(group.first.recipe, sort_keys=True))
        curves = [sorted(groups, key=lambda group: group.n_train) for groups in by_recipe]
        curves = [groups for groups in curves if groups[0].n_train < groups[-1].n_train]
        return {groups[0].first.recipe["name"]: groups for groups in sorted(curves, key=_name)}

    @property
    def largest(self) -> Section:
        """The section without trainings on fewer events than others of the same recipe."""
        smaller = [group for groups in self.learning_curves.values() for group in groups[:-1]]
        groups = [group for group in self.groups if group not in smaller]
        names = [group.first.recipe["name"] for group in groups]
        return replace(
            self,
            groups=tuple(
                replace(group, label=name) if names.count(name) == 1 else group
                for name, group in zip(names, groups, strict=True)
            ),
        )


def sections(records: Iterable[Record]) -> list[Section]:
    """Sort records into sections (same events tested on) and groups (same recipe, same events), by name."""
    found = []
    for same_events in _gather(records, lambda r: (r.dataset["name"], r.dataset["fingerprint"], r.part)):
        groups = _gather(same_events, _training)
        labels = _labels([group[0] for group in groups])
        members = [
            Group(label, tuple(sorted(group, key=lambda r: (r.seed is None, r.seed or 0, r.created))))
            for label, group in zip(labels, groups, strict=True)
        ]
        found.append(Section(same_events[0].dataset, tuple(members)))
    return found


def _training(record: Record) -> tuple[str, str]:
    """What all trainings of a group have in common; its name first, by which groups are sorted."""
    return record.recipe["name"], json.dumps([record.recipe, record.events], sort_keys=True)


def _gather(things: Iterable[Thing], key: Callable[[Thing], Hashable]) -> list[list[Thing]]:
    gathered: dict[Any, list[Thing]] = {}
    for thing in things:
        gathered.setdefault(key(thing), []).append(thing)
    return [gathered[k] for k in sorted(gathered)]


def _name(groups: Sequence[Group]) -> str:
    return str(groups[0].first.recipe["name"])


def _labels(firsts: Sequence[Record]) -> list[str]:
    """Names of recipes; where two are the same, with the number of events, and then with a number."""
    names = [record.recipe["name"] for record in firsts]
    names = [
        f"{name} ({record.events['train']:,} events)"
        if names.count(name) > 1 and "train" in record.events
        else name
        for name, record in zip(names, firsts, strict=True)
    ]
    counted: list[str] = []
    for i, name in enumerate(names):
        counted.append(f"{name} #{names[:i].count(name) + 1}" if names.count(name) > 1 else name)
    return counted
