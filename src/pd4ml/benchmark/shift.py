"""What systematic variations do to a finished run: its scores on every variant, against those on nominal events.

Features are those of the training, thresholds are fixed on nominal events: what a shift of the inputs does is
seen, and not fitted away. Where nominal and varied events are the same ones row by row, made from one seed, errors
of differences are paired; else both sides fluctuate for themselves.
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

from pd4ml.benchmark.record import now
from pd4ml.benchmark.run import Run
from pd4ml.card import Measurement
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, unknown_name
from pd4ml.evaluation.truth import events_truth
from pd4ml.metrics.shift import Predicted, paired_difference
from pd4ml.sample import Sample
from pd4ml.storage.atomic import write_text
from pd4ml.storage.store import Events, Store

__all__ = ["SHIFT_NAME", "shift"]

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
    dataset = Dataset.datasets_register.find(run.record.dataset["name"])
    names = _variants(dataset, variants)
    nominal = _nominal(run, dataset, Path(path))
    present = _make(dataset, names, Path(path), nominal, n_events, workers)
    if not present:
        raise DataError(
            f"no variant of {dataset.name} is in {path}: give a number of events to make them (--events)"
        )
    reference = nominal.open("test")
    first = _predicted(run, reference)
    task = dataset.card.task
    compared: list[dict[str, Any]] = []
    thresholds: dict[str, float] = {}
    nominal_metrics: dict[str, Measurement] = {}
    for name in present:
        print(f"comparing {name}", file=sys.stderr, flush=True)
        events = dataset.at(path, source="generated", variant=name).open("test")
        paired = _same_events(reference, events)
        found = paired_difference(task, first, _predicted(run, events), paired=paired)
        thresholds, nominal_metrics = found.thresholds, found.nominal
        compared.append(
            {
                "variant": name,
                "description": dataset.card.variants[name].description,
                "fingerprint": events.manifest.fingerprint,
                "events": len(events),
                "paired": paired,
                "metrics": _plain(found.variant),
                "difference": _plain(found.difference),
            }
        )
    body = {
        "format": _FORMAT,
        "created": now(),
        "predictions": run.record.predictions["sha256"],
        "split": "test",
        "task": task,
        "unit": dataset.card.target.unit,
        "thresholds": thresholds,
        "nominal": {
            "variant": nominal.variant,
            "fingerprint": reference.manifest.fingerprint,
            "events": len(reference),
            "metrics": _plain(nominal_metrics),
        },
        "variants": compared,
    }
    write_text(run.folder / SHIFT_NAME, json.dumps(body, indent=1, allow_nan=False) + "\n")
    return body


def _variants(dataset: type[Dataset], wanted: Collection[str]) -> list[str]:
    known = [name for name in dataset.card.variants if name != "default"]
    for name in wanted:
        if name not in known:
            raise unknown_name("variant", name, known)
    return [name for name in known if not wanted or name in wanted]


def _nominal(run: Run, dataset: type[Dataset], path: Path) -> Sample:
    """The generated default events: those that the run was made on, or, of a run on published ones, others."""
    sample = dataset.at(path, source="generated")
    if not dataset.folder(path, "generated").exists():
        raise DataError(
            f"nominal events of {dataset.name} are not in {path}: `pd4ml generate {dataset.name} --path {path}`"
        )
    facts = run.record.dataset
    if (facts["source"], facts["variant"]) == ("generated", "default") and sample.manifest.fingerprint != facts[
        "fingerprint"
    ]:
        print(f"{dataset.name} in {path} are other events than those of the record", file=sys.stderr)
    return sample


def _make(
    dataset: type[Dataset],
    names: list[str],
    path: Path,
    nominal: Sample,
    n_events: int | None,
    workers: int | Executor,
) -> list[str]:
    """The variants that are there, after making those that are missing if a number of events says so."""
    seed = int(nominal.manifest.provenance.get("seed", 1))
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
    facts = [events.manifest.provenance for events in (nominal, varied)]
    same_plan = all(facts[0].get(key) == facts[1].get(key) for key in ("seed", "n_events", "chunk_events"))
    return same_plan and np.array_equal(np.asarray(nominal.y), np.asarray(varied.y))


def _plain(measured: dict[str, Measurement]) -> dict[str, Any]:
    return {name: asdict(value) for name, value in measured.items()}
