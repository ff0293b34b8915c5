"""What systematic variations do to a finished run: its scores on every variant, against those on nominal events.

Features are those of the training, thresholds are fixed on nominal events: what a shift of the inputs does is
seen, and not fitted away. Where a variant changes only how events are seen, and both are made from one seed,
nominal and varied events are the same ones, row by row or as far as both are selected, and errors of differences
are paired; else both sides fluctuate for themselves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.arguments import as_path
from pd4ml.benchmark.record import now
from pd4ml.benchmark.run import Run
from pd4ml.card import Measurement
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, unknown_name
from pd4ml.evaluation.truth import events_truth
from pd4ml.metrics.shift import Predicted, Shift, paired_difference
from pd4ml.sample import Sample
from pd4ml.storage.atomic import write_text
from pd4ml.storage.store import Events, Store

__all__ = ["SHIFT_NAME", "make_variants", "shift", "variants_of"]

SHIFT_NAME = "shift.json"
_FORMAT = 1


def shift(
    run: Run,
    path: str | Path = "./datasets",
    *,
    n_events: int | None = None,
    variants: Collection[str] = (),
    workers: int | Executor = 1,
) -> dict[str, Any]:
    """Compare a run on nominal events and on each variant; written as ``shift.json`` beside its record.

    Parameters
    ----------
    run : Run
        A finished run, from `load_run` or `pd4ml.train`.
    path : str or Path
        The folder that holds the datasets.
    n_events : int, optional
        Variants that are not there are generated with so many events (train and test together) and the seed of
        the nominal ones; with as many as these, the same events are simulated anew wherever that is possible, and
        errors are paired. Without it only those that are there are compared.
    variants : collection of str
        These only; all that the card knows by default.
    workers : int or Executor
        For the generation.

    Returns
    -------
    dict
        What the file holds, plain values: thresholds, and for each variant the metrics, their differences from
        nominal with errors, and whether these are paired.

    Raises
    ------
    DataError
        If there is no variant to compare with, or no nominal events.
    """
    path = as_path(path)
    dataset = Dataset.datasets_register.find(run.record.dataset["name"], path)
    names = variants_of(dataset, variants)
    nominal = _nominal(run, dataset, path)
    seed = int(nominal.manifest.provenance.get("seed", 1))
    present = make_variants(dataset, names, path, seed, n_events, workers)
    if not present:
        raise DataError(
            f"no variant of {dataset.name} is in {path}: give a number of events to make them (--events)"
        )
    body = _compared(run, dataset, nominal, present, path)
    write_text(run.folder / SHIFT_NAME, json.dumps(body, indent=1, allow_nan=False) + "\n")
    return body


def _compared(
    run: Run, dataset: type[Dataset], nominal: Sample, variants: list[str], path: Path
) -> dict[str, Any]:
    """What the file says of the ``variants`` that are there."""
    reference, task, group = nominal.open("test"), dataset.card.task, dataset.card.group
    simulator = dataset.simulator()
    first = _predicted(run, reference)
    found: list[Shift] = []
    entries = []
    for name in variants:
        print(f"comparing {name}", file=sys.stderr, flush=True)
        events = dataset.at(path, source="generated", variant=name).open("test")
        options = dataset.card.variants[name].config
        same = simulator.same_events(options) and _same_events(reference, events)
        shared = float(same)
        if not same and simulator.changes_response_only(options):
            shared = _shared_groups(reference, events, group)
        second = _predicted(run, events)
        found.append(paired_difference(task, first, second, paired=shared > 0, by_group=not same))
        entries.append(
            {
                "variant": name,
                "description": dataset.card.variants[name].description,
                "fingerprint": events.manifest.fingerprint,
                "events": len(events),
                "paired": shared > 0,
                "same_events": round(shared, 3),
                "metrics": _plain(found[-1].variant),
                "difference": _plain(found[-1].difference),
            }
        )
    return {
        "format": _FORMAT,
        "created": now(),
        "predictions": run.record.predictions["sha256"],
        "split": "test",
        "task": task,
        "unit": dataset.card.target.unit,
        "thresholds": found[0].thresholds,
        "nominal": {
            "variant": nominal.variant,
            "fingerprint": reference.manifest.fingerprint,
            "events": len(reference),
            "metrics": _plain(found[0].nominal),
        },
        "variants": entries,
    }


def variants_of(dataset: type[Dataset], wanted: Collection[str]) -> list[str]:
    """The names of ``wanted`` variants, of none all that the card knows; UnknownNameError for others."""
    known = [name for name in dataset.card.variants if name != "default"]
    for name in wanted:
        if name not in known:
            raise unknown_name("variant", name, known)
    return [name for name in known if not wanted or name in wanted]


def _nominal(run: Run, dataset: type[Dataset], path: Path) -> Sample:
    """The generated default events: those that the run was made on, or, of a run on published ones, others."""
    sample = dataset.at(path, source="generated")
    if not dataset.folder(path, "generated").exists():
        hint = dataset._generate_hint("{} makes them", path, "default")
        raise DataError(f"nominal events of {dataset.name} are not in {path}: {hint}")
    facts = run.record.dataset
    if (facts["source"], facts["variant"]) == ("generated", "default") and sample.manifest.fingerprint != facts[
        "fingerprint"
    ]:
        print(f"{dataset.name} in {path} are other events than those of the record", file=sys.stderr)
    return sample


def make_variants(
    dataset: type[Dataset],
    names: list[str],
    path: Path,
    seed: int,
    n_events: int | None,
    workers: int | Executor,
) -> list[str]:
    """The variants that are there, after making those that are missing if a number of events says so."""
    present = []
    for name in names:
        if not dataset.folder(path, "generated", name).exists():
            if n_events is None:
                continue
            dataset.generate(path, n_events, seed, workers, name)
        Store(dataset.folder(path, "generated", name))  # says in one line if it is damaged
        present.append(name)
    return present


def _predicted(run: Run, events: Events) -> Predicted:
    truth = events_truth(run.fitted.dataset.card, events)
    predictions = run.predict(events)
    places = truth.places(predictions.event_id, len(predictions), predictions.node)
    return Predicted(predictions.output[places], truth.values, truth.group, truth.weight)


def _same_events(nominal: Events, varied: Events) -> bool:
    """Whether both are the same events row by row: equal targets, from one seed and as many events."""
    return _same_plan(nominal, varied) and np.array_equal(np.asarray(nominal.y), np.asarray(varied.y))


def _shared_groups(nominal: Events, varied: Events, group: str) -> float:
    """The share of the varied events that are of a group, such as a collision, that the nominal ones have, too."""
    if not group or group not in nominal or group not in varied or not _same_plan(nominal, varied):
        return 0.0
    return float(np.isin(np.asarray(varied[group]), np.asarray(nominal[group])).mean())


def _same_plan(nominal: Events, varied: Events) -> bool:
    """Whether both were made from one seed, in as many events and pieces."""
    facts = [events.manifest.provenance for events in (nominal, varied)]
    return all(facts[0].get(key) == facts[1].get(key) for key in ("seed", "n_events", "chunk_events"))


def _plain(measured: dict[str, Measurement]) -> dict[str, Any]:
    return {name: asdict(value) for name, value in measured.items()}
