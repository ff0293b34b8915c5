"""What a run leaves when its model is there: predictions of the test and validation parts, and the record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.benchmark.code import code_state
from pd4ml.benchmark.record import RECORD_NAME, Record, graphics_card, now, versions
from pd4ml.card import Card
from pd4ml.errors import DataError, Pd4mlError, one_line
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import events_truth
from pd4ml.machine import machine
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.manifest import Manifest
from pd4ml.storage.store import Events
from pd4ml.tasks import Segmentation
from pd4ml.training.fitted import FEATURES_NAME, MODEL_FILES, Fitted

__all__ = ["VALID_PREDICTIONS", "artifacts_of", "dataset_facts", "is_recorded", "leave_record", "predictions_of"]

_MOST_BYTES = 1 << 32  # of a model or of predictions
_PREDICTIONS, VALID_PREDICTIONS = "predictions.npz", "predictions_valid.npz"


def predictions_of(fitted: Fitted, events: Events) -> Predictions:
    """What ``fitted`` says of ``events``, numbered by their places in their split."""
    try:
        fields: dict[str, Any] = fitted.predict_fields(events)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        if fitted.was_trained_here or isinstance(error, Pd4mlError) or "allocate memory" in str(error):
            raise
        found = one_line(f"{type(error).__name__}: {error}", 200)
        raise DataError(f"the files of this model cannot be applied ({found}): train it again") from error
    output, task = fields["output"], fitted.task
    if not isinstance(task, Segmentation):
        return Predictions(task.name, events.places, **fields)
    sizes = fitted.n_nodes(events)
    node = np.arange(len(output)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    if events.manifest.target in events:  # the places of the nodes' labels, which need not be the first ones
        labelled = task.places(np.asarray(events.y))
        node = np.nonzero(labelled)[1] if np.array_equal(labelled.sum(axis=1), sizes) else node
    return Predictions(task.name, np.repeat(events.places, sizes), output, node)


def leave_record(
    fitted: Fitted,
    test: Events,
    folder: Path,
    *,
    recipe: dict[str, Any],
    model: str,
    seed: int | None,
    events: Mapping[str, int],
    epochs: Mapping[str, int],
    train_seconds: float,
    valid: Events,
    samples: Mapping[str, str],
    method: dict[str, Any],
    parents: tuple[str, ...] = (),
    on_cpu: bool = False,
    threads: Mapping[str, Any] | None = None,
) -> Record:
    """Predict the ``test`` and the ``valid`` events, and write all of it, the record last.

    ``events``, ``epochs`` and ``threads`` are what the record says of the training; ``samples`` are the
    fingerprints of the events by role, ``parents`` the hashes of the records that the run builds on. ``folder``
    holds the model already.
    """
    card = fitted.dataset.card
    start = time.monotonic()
    predictions = predictions_of(fitted, test)
    seconds = time.monotonic() - start
    predictions.write(folder / _PREDICTIONS)
    predictions_of(fitted, valid).write(folder / VALID_PREDICTIONS)
    record = Record(
        dataset=dataset_facts(test.manifest, card),
        model={"name": model, "parameters": fitted.n_parameters},
        recipe=recipe,
        seed=seed,
        events={**events, "test": len(test)},
        epochs=dict(epochs),
        metrics=events_truth(card, test).metrics(predictions),
        timing=_timing(train_seconds, events["train"] * epochs["trained"], seconds, len(test)),
        predictions={"file": _PREDICTIONS, "sha256": sha256_of(folder / _PREDICTIONS)},
        versions=versions(),
        machine={**machine(), **(threads or {}), **({} if on_cpu else graphics_card())},
        created=now(),
        code=code_state(),
        method=method,
        parents=list(parents),
        samples=dict(samples),
        artifacts=artifacts_of(folder),
    )
    record.write(folder / RECORD_NAME)
    return replace(record, folder=folder)


def artifacts_of(folder: Path) -> dict[str, str]:
    """SHA-256 of what a run in ``folder`` keeps beside its record: model, members, validation predictions."""
    names = {FEATURES_NAME, VALID_PREDICTIONS, *MODEL_FILES}
    files = [folder / name for name in names] + [f for f in folder.glob("member*/**/*") if f.name in names]
    return {file.relative_to(folder).as_posix(): sha256_of(file) for file in sorted(files) if file.exists()}


def is_recorded(file: Path, sha256: str) -> bool:
    """Whether ``file`` is the one that a record names; what is no plain file, or endless, is none."""
    return file.is_file() and file.stat().st_size <= _MOST_BYTES and sha256_of(file) == sha256


def dataset_facts(manifest: Manifest, card: Card) -> dict[str, Any]:
    """What a record says about the events."""
    return {
        "name": manifest.dataset,
        "card_version": manifest.card_version,
        "task": card.task,
        "unit": card.target.unit,
        "source": manifest.source,
        "variant": manifest.variant,
        "fingerprint": manifest.fingerprint,
        "provenance": dict(manifest.provenance),
    }


def _timing(train_seconds: float, n_trained: int, predict_seconds: float, n_test: int) -> dict[str, float]:
    """Wall times; the smallest step of the clock stands for none at all."""
    train_seconds = max(train_seconds, 1e-3)
    predict_seconds = max(predict_seconds, 1e-3)
    return {
        "train_seconds": round(train_seconds, 3),
        "predict_seconds": round(predict_seconds, 3),
        "train_events_per_second": round(n_trained / train_seconds, 1),
        "predict_events_per_second": round(n_test / predict_seconds, 1),
    }
