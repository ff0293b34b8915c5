"""The leaderboard: a folder of records with their predictions, kept in git.

    <folder>/<dataset>/<name>/record.json, predictions.npz

No number is taken on trust. What is added is recomputed from the predictions and the dataset, and ``check`` does
it again for all entries; it is what continuous integration of such a folder runs.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from pd4ml.arguments import as_path
from pd4ml.benchmark.record import RECORD_NAME, Record, now, read_record
from pd4ml.benchmark.run import dataset_facts, evaluate
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, Pd4mlError
from pd4ml.evaluation.hints import hints
from pd4ml.evaluation.names import tell
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.submission import read_submission
from pd4ml.evaluation.truth import dataset_truth
from pd4ml.storage.atomic import new_folder
from pd4ml.storage.hashing import sha256_of
from pd4ml.storage.lock import one_writer

__all__ = ["Check", "add_predictions", "add_run", "check", "entries"]

_PREDICTIONS = "predictions.npz"


@dataclass(frozen=True)
class Check:
    """An entry's folder and what is wrong with it; nothing if ``problem`` is empty."""

    entry: Path
    problem: str


def add_run(run_dir: str | Path, folder: str | Path, path: str | Path = "./datasets") -> Record:
    """Recompute a finished run's numbers, refuse a mismatch, and take it into the leaderboard in ``folder``.

    ``path`` holds the datasets. Raises DataError if predictions, events or metrics are not those of the record.
    """
    measured = evaluate(run_dir, path)
    run_dir = as_path(run_dir, "run_dir")
    record = read_record(run_dir)
    predictions = Predictions.read(run_dir / record.predictions["file"], record.dataset["task"])
    name = record.recipe["name"] + ("" if record.seed is None else f"-seed{record.seed}")
    return _store(replace(record, metrics=measured), predictions, as_path(folder, "folder"), name)


def add_predictions(
    file: str | Path,
    dataset: type[Dataset],
    folder: str | Path,
    *,
    name: str,
    columns: Mapping[str, str] = MappingProxyType({}),
    path: str | Path = "./datasets",
    source: str = "published",
    variant: str = "default",
    reference: str = "",
    parameters: int | None = None,
    seed: int | None = None,
) -> Record:
    """Take predictions of another tool for the test split of ``dataset`` into the leaderboard in ``folder``.

    ``name`` is what the model is called, ``reference`` a paper or an address; what is not given is left out of
    the record as unknown. ``columns`` says which column of the file is which, see `read_submission`. Raises
    DataError for predictions that it refuses.
    """
    if not _slug(name).strip("_"):
        raise DataError(f"name must say what the model is called, found {name!r}")
    truth = dataset_truth(dataset, "test", path, source=source, variant=variant)
    predictions = read_submission(file, truth, columns)
    if truth.manifest is None:
        raise DataError(f"{truth.name} has no manifest")
    measured = truth.metrics(predictions)
    tell(Path(file), hints(measured, truth.classes))
    record = Record(
        kind="external",
        dataset=dataset_facts(truth.manifest, dataset.card),
        model={"name": name} if parameters is None else {"name": name, "parameters": parameters},
        recipe={"name": name, "model": name, "reference": reference or "unknown"},
        seed=seed,
        events={"test": predictions.n_events},
        epochs={},
        metrics=measured,
        timing={},
        predictions={},
        versions={},
        machine={},
        created=now(),
    )
    return _store(record, predictions, as_path(folder, "folder"), name)


def entries(folder: str | Path) -> list[Path]:
    """The folders of the entries, by dataset and name."""
    found = as_path(folder, "folder").glob(f"*/*/{RECORD_NAME}")
    return sorted(file.parent for file in found if not file.parent.name.startswith("."))  # being written


def check(folder: str | Path, path: str | Path = "./datasets") -> Iterator[Check]:
    """Verify every entry again: schema, hash and number of predictions, events, metrics, place in the folder."""
    found = entries(folder)
    if not found:
        raise DataError(f"no entries in {folder}: expected folders DATASET/NAME with a {RECORD_NAME}")
    digests = Counter(entry.name.rpartition("-")[2] for entry in found)
    for entry in found:
        try:
            record = read_record(entry)
            evaluate(entry, path)
            predictions = Predictions.read(entry / record.predictions["file"], record.dataset["task"])
            digest = _digest(record, predictions)
            if entry.parent.name != _slug(record.dataset["name"]) or not entry.name.endswith(digest):
                raise DataError(f"belongs into {_slug(record.dataset['name'])}/...-{digest}")
            if digests[digest] > 1:
                raise DataError(f"the same predictions are there {digests[digest]} times")
        except (Pd4mlError, OSError) as error:
            yield Check(entry, " ".join(str(error).split()))
        else:
            yield Check(entry, "")


def _store(record: Record, predictions: Predictions, folder: Path, name: str) -> Record:
    """Write an entry, which a reader sees whole or not at all; one process at a time."""
    with one_writer(folder.absolute(), f"another process is writing to the leaderboard {folder}"):
        return _store_alone(record, predictions, folder, name)


def _store_alone(record: Record, predictions: Predictions, folder: Path, name: str) -> Record:
    facts, digest = record.dataset, _digest(record, predictions)
    place = folder / _slug(facts["name"]) / (_slug(f"{name}-{facts['source']}-{facts['variant']}") + "-" + digest)
    same = [entry for entry in entries(folder) if entry.name.endswith(f"-{digest}")]
    if same:
        raise DataError(f"these predictions are in the leaderboard already: {same[0]}")
    for left in place.parent.glob(".*.partial"):  # by a kill in the middle of another entry
        shutil.rmtree(left, ignore_errors=True)
    with new_folder(place) as partial:
        predictions.write(partial / _PREDICTIONS, compress=True)
        written = {"file": _PREDICTIONS, "sha256": sha256_of(partial / _PREDICTIONS)}
        record = replace(record, predictions=written, folder=None)
        record.write(partial / RECORD_NAME)
    return replace(record, folder=place)


def _digest(record: Record, predictions: Predictions) -> str:
    """Eight digits that follow from the events and from what is predicted for them."""
    ids = predictions.event_id.tobytes() + (b"" if predictions.node is None else predictions.node.tobytes())
    content = record.dataset["fingerprint"].encode() + ids + predictions.output.tobytes()
    return hashlib.sha256(content).hexdigest()[:8]


def _slug(text: str) -> str:
    """``text`` as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9+-]+", "_", text)[:100]
