"""What a simulator must keep: variants, settings, events that follow from the seed and from nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np

from pd4ml.contribute.subject import Checker, Said, Subject, failed, passed, skipped, warned
from pd4ml.storage.ragged import entries, is_ragged
from pd4ml.storage.store import Array
from pd4ml.storage.writer import check_arrays

__all__ = ["SIMULATOR_CHECKS"]

_N_EVENTS = 50


def variants(subject: Subject) -> Said:
    """Each has settings that the simulator takes, and no two have the same."""
    known, simulator = subject.dataset.card.variants, subject.dataset.simulator()
    if next(iter(known), None) != "default" or known["default"].config:
        return failed("the card's first variant must be default, without settings of its own")
    seen: dict[str, str] = {}
    for name, variant in known.items():
        config = str(dataclasses.asdict(simulator.config(variant.config)))
        if config in seen:
            return failed(f"variants {seen[config]} and {name} have the same settings")
        if not variant.description.strip():
            return failed(f"the card does not say what variant {name} is")
        seen[config] = name
    return passed(", ".join(known))


def settings(subject: Subject) -> Said:
    """Each has a range, and says what it is."""
    found = subject.dataset.simulator().settings
    if bare := [setting.name for setting in found if setting.kind == "other" or not setting.what]:
        return warned(f"no range or no meaning is given for {', '.join(bare)}: pd4ml.generation.settings has both")
    return passed(", ".join(setting.name for setting in found))


def events_of_splits(subject: Subject) -> Said:
    """Every split's events are what the card says."""
    for split in subject.dataset.card.splits:
        check_arrays(subject.dataset.card, _simulated(subject, 1, split), _N_EVENTS)
    return passed(f"shapes, dtypes and ranges of {_N_EVENTS} events of each split are the card's")


def seed(subject: Subject) -> Said:
    """The same seed gives the same events, another seed others."""
    first, again, other = (_simulated(subject, number) for number in (1, 1, 2))
    for name, array in first.items():
        if not _same(array, again[name]):
            return failed(f"the same seed gave other {name}: all that is random must come from the seed")
    if all(_same(first[spec.name], other[spec.name]) for spec in subject.dataset.card.inputs):
        return failed("another seed gave the same events")
    return passed("the same seed gives the same events, another one others")


def workers(subject: Subject) -> Said:
    """The events do not depend on the number of processes that make them."""
    if subject.workers < 2:
        return skipped("asked for with one worker only")
    found = []
    for n_workers in (1, subject.workers):
        path = subject.scratch / f"workers-{n_workers}"
        store = subject.dataset.generate(path, subject.n_events, workers=n_workers, variant=subject.made)
        found.append(store.manifest.fingerprint)
    if found[0] != found[1]:
        return failed(f"1 and {subject.workers} workers gave other events: all must follow from the chunk's seed")
    return passed(f"1 and {subject.workers} workers gave the same {subject.n_events:,} events, {found[0][:16]}")


def _same(first: Array, second: Array) -> bool:
    if is_ragged(first):
        return all(np.array_equal(a, b) for a, b in zip(entries(first), entries(second), strict=True))
    return np.array_equal(first, second)


def _simulated(subject: Subject, number: int, split: str = "train") -> dict[str, Array]:
    simulator = subject.dataset.simulator()
    sequence = np.random.SeedSequence(number)
    return dict(simulator.simulate(_N_EVENTS, sequence, simulator.config({}), split))


SIMULATOR_CHECKS: dict[str, Checker] = {
    "simulator: variants": variants,
    "simulator: settings": settings,
    "simulator: arrays": events_of_splits,
    "simulator: seed": seed,
    "simulator: workers": workers,
}
