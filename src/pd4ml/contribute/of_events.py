"""What events must be: as the card says, with all classes, without a leak between splits."""

from __future__ import annotations

import numpy as np

from pd4ml.audit import audit
from pd4ml.contribute.subject import Checker, Said, Subject, failed, passed, skipped, warned
from pd4ml.errors import MissingExtraError
from pd4ml.storage.writer import check_arrays

__all__ = ["EVENT_CHECKS"]

# The rarest class has at least this share of what it would have if all were equal, or less by so many errors.
_RARE, _ERRORS = 0.6, 3.0


def arrays(subject: Subject) -> Said:
    """Shapes, dtypes and values of every split are the card's, nothing is infinite or NaN."""
    sizes = []
    for events in subject.events():
        there = {spec.name: events[spec.name] for spec in subject.card.arrays}
        check_arrays(subject.card, there, len(events))
        sizes.append(f"{len(events):,} {events.split}")
        if subject.source == "published" and len(events) != subject.card.splits[events.split]:
            return failed(f"{events.split} has {len(events):,} events, the card says {subject.card.splits}")
    return passed(f"{', '.join(sizes)} events: shapes, dtypes and ranges are the card's, all is finite")


def target(subject: Subject) -> Said:
    """Every class is in every split, and none is rare; values vary."""
    card = subject.card
    if card.task == "unlabelled":
        return skipped("there is no target to learn")
    told = []
    for events in subject.events():
        y = np.asarray(events.y)
        if card.task == "regression":
            if not (y.std(axis=0) > 0).all():
                return failed(f"the target does not vary in {events.split}")
            told.append(f"{events.split} {y.mean():.3g} ± {y.std():.3g} {card.target.unit}")
            continue
        labels = y if card.target.padding is None else y[y != card.target.padding]
        shares = np.bincount(labels.ravel().astype(np.int64), minlength=len(card.classes)) / max(labels.size, 1)
        if not shares.all():
            return failed(f"{events.split} has no {card.classes[int(shares.argmin())]}")
        told.append(
            f"{events.split} " + ", ".join(f"{s:.0%} {n}" for s, n in zip(shares, card.classes, strict=True))
        )
        n_independent = len(np.unique(events[card.group])) if card.group else len(labels)
        error = np.sqrt(shares.min() * (1 - shares.min()) / n_independent)
        if shares.min() + _ERRORS * error < _RARE / len(shares) and card.task == "classification":
            return warned(f"classes are not balanced: {told[-1]}")
    return passed("; ".join(told))


def groups(subject: Subject) -> Said:
    """Events that belong together are in one split."""
    name = subject.card.group
    if not name:
        return skipped("the card names no group of events that belong together")
    ids = [np.unique(events[name]) for events in subject.events()]
    if len(together := np.concatenate(ids)) != len(np.unique(together)):
        return failed(f"events of one {name} lie in two splits")
    return passed(f"{len(together):,} values of {name}, each in one split")


def duplicates(subject: Subject) -> Said:
    """No event is in two splits; repeats within one and near duplicates are told."""
    try:
        found = audit(subject.dataset, subject.path, source=subject.source, variant=subject.variant)
    except MissingExtraError as error:
        return skipped(str(error))
    for of in found.duplicates:
        if of.n_events and of.first != of.second:
            return failed(
                f"{of.n_events:,} events of {of.second} are in {of.first}, too: `pd4ml audit` shows which"
            )
    if found.failed:
        return failed("events of one group lie in two splits")
    looks = [f"{of.n_events:,} events are repeated within {of.first}" for of in found.duplicates if of.n_events]
    looks += [
        f"{near.n_events:,} events of {near.second} are nearly like others of {near.first}"
        for near in found.near
        if near.n_events > 3 * max(near.expected_by_chance, 1)
    ]
    looks += [
        f"{leak.feature} tells the target: {leak.metric} {leak.score}" for leak in found.leaks if leak.flagged
    ]
    if looks:
        return warned(f"{'; '.join(looks)} (`pd4ml audit`)")
    if not found.leaks:
        return passed("no event is in two splits")
    best = found.leaks[0]
    return passed(f"no event is in two splits; most told by {best.feature}: {best.metric} {best.score}")


EVENT_CHECKS: dict[str, Checker] = {
    "events: arrays": arrays,
    "events: target": target,
    "events: groups": groups,
    "events: audit": duplicates,
}
