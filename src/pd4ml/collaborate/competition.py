"""Models compete: one hidden test set, entries that are predictions, a ranking with errors and ties.

The second mode that arXiv:2209.07191 proposes. Labels stay with the organiser, who hands out inputs in an order of
their own; every entry is judged by the checks of the evaluator and written into a ledger.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path, as_whole
from pd4ml.benchmark.leaderboard import add_predictions
from pd4ml.collaborate.ledger import Ledger, Signer
from pd4ml.collaborate.stories import COORDINATOR
from pd4ml.errors import DataError, one_line
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.submission import read_submission
from pd4ml.evaluation.truth import Truth, events_truth
from pd4ml.metrics.measurement import Measurement
from pd4ml.metrics.shift import Predicted, paired_difference
from pd4ml.sample import Sample
from pd4ml.storage.atomic import write_atomically, write_text
from pd4ml.storage.disk import open_plain
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.lock import one_writer

__all__ = ["Competition", "Standing", "hand_out"]

_LEDGER, _KEY, _ORDER, _ENTRIES = "ledger.jsonl", "key", "order.npy", "entries"
_DECIDES = {"classification": (("auc", "auc_macro"), 1.0), "regression": (("mse",), -1.0)}
_TIE = 0.05  # the probability, of all comparisons together, of telling equal ones apart
_RESAMPLES = 300


@dataclass(frozen=True)
class Standing:
    """A competitor's place.

    Parameters
    ----------
    name : str
        Whose.
    rank : int
        From 1; those that cannot be told from the best share the first; 0 of what does not compete.
    metrics : Mapping[str, Measurement]
        Of the last entry.
    behind : Measurement or None
        The metric that decides minus that of the best, with the error of the difference on the same events.
    p : float or None
        The probability of such a difference or a larger one between equals, times as many comparisons as
        Holm's rule asks for.
    """

    name: str
    rank: int
    metrics: Mapping[str, Measurement]
    behind: Measurement | None = None
    p: float | None = None


def hand_out(sample: Sample, folder: str | Path, competition: str | Path, *, split: str = "test") -> Path:
    """Write what competitors get: the inputs of a split, without target and extras, in a secret order.

    Parameters
    ----------
    sample : Sample
        The hidden events. Whoever knows the seed of generated ones can make their labels: choose one, and keep it.
    folder : str or Path
        Where ``inputs.npz`` and ``card.json`` are written: ``event_id`` and an array for each input.
    competition : str or Path
        The organiser's folder, where the order is kept.
    split : str
        Which split.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    DataError
        For a task with a target for each node, or an order that is there already.
    """
    folder, competition = as_path(folder, "folder"), as_path(competition, "competition")
    with one_writer(competition, f"another process works on {competition}"):
        return _handed_out(sample, folder, competition, split)


def _handed_out(sample: Sample, folder: Path, competition: Path, split: str) -> Path:
    """Inputs and order belong together, so that one process writes both."""
    events, card = sample.open(split), sample.card
    _check_task(card.task)
    if (competition / _ORDER).exists():
        raise DataError(f"{competition} has handed out its inputs already: choose another folder")
    order = np.random.default_rng().permutation(len(events))
    arrays: dict[str, NDArray[Any]] = {"event_id": np.arange(len(events))}
    for spec in card.inputs:
        if spec.ragged:
            raise DataError(
                f"{spec.name} is ragged: hand out such events with `pd4ml export`, without their target"
            )
        values = np.asarray(events[spec.name])
        arrays[spec.name] = values[order] if spec.per_event else values
    competition.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomically(folder / "inputs.npz") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    told = {spec.name: {"unit": spec.unit, "description": spec.description} for spec in card.inputs}
    about = {"dataset": card.name, "task": card.task, "classes": list(card.classes), "unit": card.target.unit}
    write_text(folder / "card.json", json.dumps({**about, "arrays": told, "events": len(events)}, indent=1) + "\n")
    with write_atomically(competition / _ORDER) as stream:  # last: until then nothing is handed out
        np.save(stream, order)
    return folder / "inputs.npz"


class Competition:
    """A competition on the hidden events of a sample, kept in ``folder``: its ledger, and the entries.

    Parameters
    ----------
    sample : Sample
        The hidden events.
    folder : str or Path
        The organiser's.
    split : str
        Which split.
    limit : int
        Entries that a competitor may make. The last one counts: the best of several is better than its model.

    Raises
    ------
    DataError
        If the folder holds another competition, or its ledger was changed.
    """

    def __init__(self, sample: Sample, folder: str | Path, *, split: str = "test", limit: int = 3) -> None:
        self.sample, self.folder, self.split = sample, as_path(folder, "folder"), split
        self.limit = as_whole("limit", limit, 1)
        _check_task(sample.card.task)
        (self.folder / _ENTRIES).mkdir(parents=True, exist_ok=True)
        self.truth = self._truth()
        with self._alone():
            self._signer = Signer(COORDINATOR, self.folder / _KEY)
            self.ledger = Ledger(self.folder / _LEDGER)
            facts = {"dataset": sample.card.name, "split": split, "fingerprint": sample.fingerprint}
            start = {"authors": {COORDINATOR: self._signer.public}, "limit": self.limit, "facts": facts}
            if self.ledger.last is None:
                self.ledger.append(self._signer.entry(None, "start", start))
            elif self.ledger.entries[0].body != start:
                raise DataError(f"{self.folder} holds another competition, or one of another limit")

    def __repr__(self) -> str:
        return f"<competition on {self.sample.card.name}: {len(self.ledger.entries) - 1} entries>"

    def _alone(self) -> AbstractContextManager[None]:
        """One process at a time works on it."""
        return one_writer(self.folder, f"another process works on {self.folder}")

    def _truth(self) -> Truth:
        """In the order that was handed out, if one was."""
        truth, file = events_truth(self.sample.card, self.sample.open(self.split)), self.folder / _ORDER
        if not file.exists():
            return replace(truth, manifest=None)
        order = _read_order(file, len(truth))
        return replace(
            truth,
            values=truth.values[order],
            event_id=np.arange(len(order)),
            group=None if truth.group is None else truth.group[order],
            weight=None if truth.weight is None else truth.weight[order],
            manifest=None,
        )

    def enter(self, name: str, file: str | Path) -> Mapping[str, Measurement]:
        """Judge an entry and write it into the ledger; one that its competitor has made already is only judged.

        Parameters
        ----------
        name : str
            The competitor's.
        file : str or Path
            Predictions, a file as ``pd4ml evaluate --predictions`` takes it.

        Returns
        -------
        Mapping[str, Measurement]
            Its metrics.

        Raises
        ------
        DataError
            For predictions that the evaluator refuses, a name that is none, and beyond the limit. Neither counts.
        """
        file = as_path(file, "file")
        if not name.isidentifier():
            raise DataError(
                f"a competitor's name has letters, digits and _, and begins with no digit: found {name!r}"
            )
        with self._alone():
            self.ledger = Ledger(self.folder / _LEDGER)
            digest, number = (
                sha256_of(file),
                1 + sum(e.body["competitor"] == name for e in self.ledger.entries[1:]),
            )
            by = {e.body["competitor"] for e in self.ledger.entries[1:] if e.body["sha256"] == digest}
            if by == {name}:  # a stop came after it
                return self.truth.metrics(read_submission(file, self.truth))
            if by:
                raise DataError(f"{file} was entered before")
            if number > self.limit:
                raise DataError(f"{name} has had {self.limit} entries, which is the limit")
            predictions = read_submission(file, self.truth)
            measured = self.truth.metrics(predictions)
            predictions.write(self._file(name, number))
            values = {metric: [m.value, m.error] for metric, m in measured.items() if math.isfinite(m.value)}
            body = {"competitor": name, "number": number, "sha256": digest, "metrics": values}
            body["kept"] = sha256_of(self._file(name, number))
            self.ledger.append(self._signer.entry(self.ledger.last, "entry", body))
        return measured

    def _file(self, name: str, number: int) -> Path:
        return self.folder / _ENTRIES / f"{name}-{number}.npz"

    def last_entries(self) -> dict[str, Predictions]:
        """The predictions that count, by competitor; DataError if a file is not the one of the ledger."""
        found: dict[str, Predictions] = {}
        for entry in self.ledger.entries[1:]:
            file = self._file(entry.body["competitor"], entry.body["number"])
            if not file.exists() or sha256_of(file) != entry.body["kept"]:
                raise DataError(f"{file} is missing or not the one that entry {entry.number} of the ledger names")
            found[entry.body["competitor"]] = Predictions.read(file, self.truth.task)
        return found

    def standings(self) -> list[Standing]:
        """The ranking, best first; the mean of all entries comes last and does not compete."""
        entries = self.last_entries()
        if not entries:
            raise DataError(f"{self.folder} has no entries")
        sides = {name: self._side(predictions.output) for name, predictions in entries.items()}
        measured = {name: self.truth.metrics(predictions) for name, predictions in entries.items()}
        names, sign = _DECIDES[self.truth.task]
        metric = next(name for name in names if name in next(iter(measured.values())))
        order = sorted(entries, key=lambda name: -sign * measured[name][metric].value)
        best, others = order[0], order[1:]
        behind = {name: self._difference(sides[best], sides[name])[metric] for name in others}
        p = _holm({name: _two_sided(b) for name, b in behind.items()})
        tied = [name for name in others if p[name] > _TIE]
        found = [Standing(best, 1, measured[best])]
        for place, name in enumerate(others, 2):
            found.append(Standing(name, 1 if name in tied else place, measured[name], behind[name], p[name]))
        if others:
            mean = np.asarray(np.mean([one.output for one in entries.values()], axis=0), np.float32)
            joint = Predictions(self.truth.task, self.truth.event_id, mean)
            found.append(Standing("mean of all", 0, self.truth.metrics(joint)))
        return found

    def _difference(self, best: Predicted, other: Predicted) -> dict[str, Measurement]:
        by_group = self.truth.group is not None
        found = paired_difference(
            self.truth.task, best, other, paired=True, by_group=by_group, n_resamples=_RESAMPLES
        )
        return found.difference

    def _side(self, output: NDArray[Any]) -> Predicted:
        return Predicted(output, self.truth.values, self.truth.group, self.truth.weight)

    def to_leaderboard(self, folder: str | Path) -> None:
        """Take every competitor's last entry into a leaderboard, where labels can be had to check it."""
        file = self.folder / _ORDER
        order = _read_order(file, len(self.truth)) if file.exists() else None
        for name, predictions in self.last_entries().items():
            output = np.empty_like(predictions.output)
            output[slice(None) if order is None else order] = predictions.output
            made = self.folder / f"{name}-in-order.npz"
            Predictions(self.truth.task, np.arange(len(output)), output).write(made)
            own = self.sample
            try:
                add_predictions(
                    made, own.dataset, folder, name=name, path=own.path, source=own.source, variant=own.variant
                )
            finally:
                made.unlink()


def _read_order(file: Path, n_events: int) -> NDArray[np.int64]:
    """The order that was handed out; DataError for what is none of ``n_events``."""
    try:
        with open_plain(file) as stream:
            order = np.load(stream, allow_pickle=False)
        if order.dtype.kind in "iu" and np.array_equal(np.sort(order), np.arange(n_events)):
            return np.asarray(order, np.int64)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DataError(f"{file} cannot be read: {one_line(str(error))}") from error
    raise DataError(f"{file} is no order of the {n_events:,} events: it was changed, or the events are others")


def _check_task(task: str) -> None:
    if task not in _DECIDES:
        raise DataError(f"models compete in classification and regression, not in {task}")


def _two_sided(difference: Measurement) -> float:
    """Of a normal distribution; 1 for no difference at all."""
    if not difference.error:
        return 1.0 if difference.value == 0 else 0.0
    return math.erfc(abs(difference.value) / difference.error / math.sqrt(2))


def _holm(p: Mapping[str, float]) -> dict[str, float]:
    """Adjusted for as many comparisons (S. Holm, Scand. J. Statist. 6 (1979) 65)."""
    adjusted, largest = {}, 0.0
    for i, name in enumerate(sorted(p, key=lambda name: p[name])):
        largest = max(largest, min(1.0, (len(p) - i) * p[name]))
        adjusted[name] = largest
    return adjusted
