"""Unfolding one variant of a dataset with the simulation of another: a folder with all numbers.

The data are pseudo-data: their truth is known and only used to judge. What is unfolded is the particle level of
events that were selected at detector level, since no others are kept; those without a particle level are left out.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.arguments import as_name, as_path, as_whole
from pd4ml.benchmark.record import now
from pd4ml.benchmark.run import Run
from pd4ml.card import Level
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.methods.unfold.common import Floats, counts, floor, triangular
from pd4ml.methods.unfold.measure import METHODS, TILT, Axis, Options, Pairs, measure
from pd4ml.sample import Sample
from pd4ml.storage.atomic import new_folder, write_bytes, write_text
from pd4ml.storage.small import read_json
from pd4ml.storage.store import Events

__all__ = ["UNFOLDING_NAME", "read_unfolding", "unfold"]

UNFOLDING_NAME = "unfolding.json"
_ARRAYS_NAME = "replicas.npz"
_FORMAT = 1
_BATCH = 2000  # events whose summary is computed at a time
_BINS = 16  # of a run's target
_MOST_UNMATCHED = 0.01  # of the events; there is no treatment of more


def unfold(
    dataset: type[Dataset],
    path: str | Path = "./datasets",
    *,
    data: str,
    observables: Sequence[str],
    methods: Sequence[str] = ("ibu",),
    simulation: str = "default",
    run: Run | None = None,
    options: Options | None = None,
    out: str | Path,
    add: Callable[[dict[str, Any], Path], None] | None = None,
) -> dict[str, Any]:
    """Unfold the events of one generated variant with the simulation of another, and judge the result.

    Parameters
    ----------
    dataset : type[Dataset]
        Of both variants.
    path : str or Path
        The folder that holds the datasets.
    data : str
        The variant that stands for the data.
    observables : sequence of str
        Names of ``dataset.levels()``; with a ``run`` also the card's target.
    methods : sequence of str
        Any of ``ibu``, ``omnifold``, ``spinup``.
    simulation : str
        The variant that is the simulation.
    run : Run, optional
        A trained regression, whose prediction is the detector level of its target. Of events that it may have been
        trained on only the test split is used.
    options : Options, optional
        Iterations, replicas and the seed.
    out : str or Path
        A new folder: ``unfolding.json``, and ``replicas.npz`` with replicas and covariances.
    add : callable, optional
        Adds files, such as plots, before the folder has its name; its arguments are the result and the folder.

    Returns
    -------
    dict
        What the JSON file holds, plain values.

    Raises
    ------
    DataError
        If an observable has no two levels, or if data and simulation are the same events.
    StoreError
        If there are no such events, or if the folder is there.
    """
    options = _checked(Options() if options is None else options)
    for name in methods:
        as_name("method", name, METHODS)
    levels = _levels(dataset, observables, run)
    samples = [_sample(dataset, as_path(path), variant) for variant in (data, simulation)]
    halves = _same_events(dataset, *samples)
    with new_folder(as_path(out, "out")) as folder:
        pseudo, simulated = (
            _pairs(sample, levels, run, part if halves else None, options.seed + part)
            for part, sample in ((1, samples[0]), (0, samples[1]))
        )
        axes = tuple(_axis(name, levels[name], simulated.particle[:, k]) for k, name in enumerate(levels))
        results = {name: measure(name, simulated, pseudo, axes, options, _tell) for name in methods}
        body = {
            "format": _FORMAT,
            "created": now(),
            "dataset": dataset.name,
            "options": asdict(options),
            "tilt": TILT,
            "run": None if run is None else run.record.sha256,
            "data": {**_facts(samples[0]), "events": len(pseudo.weight)},
            "simulation": {**_facts(samples[1]), "events": len(simulated.weight)},
            "observables": [
                _observable(axis, levels[axis.name], k, pseudo, simulated, results) for k, axis in enumerate(axes)
            ],
        }
        write_text(folder / UNFOLDING_NAME, json.dumps(body, indent=1, allow_nan=False) + "\n")
        write_bytes(folder / _ARRAYS_NAME, _arrays(axes, results))
        if add is not None:
            add(body, folder)
    return body


def read_unfolding(folder: Path) -> dict[str, Any]:
    """What a finished unfolding left; DataError for anything else."""
    try:
        body = read_json(folder / UNFOLDING_NAME)
        if body["format"] == _FORMAT:
            return dict(body)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DataError(f"{folder} holds no unfolding of format {_FORMAT}: `pd4ml unfold DATASET` makes one")


def _sample(dataset: type[Dataset], path: Path, variant: str) -> Sample:
    if not dataset.folder(path, "generated", variant).exists():
        as_name("variant", variant, dataset.card.variants)
    return dataset.at(path, source="generated", variant=variant)


def _same_events(dataset: type[Dataset], data: Sample, simulation: Sample) -> bool:
    """Whether both are of one seed and differ only in how events are seen; DataError if they do not differ."""
    first, second = data.manifest, simulation.manifest
    if first.fingerprint == second.fingerprint:
        raise DataError(
            f"data and simulation are both {data.variant}: choose two variants; closure is tested anyway"
        )
    one, other = (m.provenance.get("config", {}) for m in (first, second))
    changed = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    same_seed = first.provenance.get("seed") == second.provenance.get("seed")
    return bool(same_seed and dataset.simulator().changes_response_only(dict.fromkeys(changed)))


def _checked(options: Options) -> Options:
    as_whole("iterations", options.iterations, 1)
    as_whole("bootstrap", options.bootstrap, 2)
    as_whole("members", options.members, 2)
    as_whole("seed", options.seed, 0)
    return options


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _levels(dataset: type[Dataset], wanted: Sequence[str], run: Run | None) -> dict[str, Level]:
    known = dataset.levels()
    if run is not None:
        target = dataset.card.target
        if run.record.dataset["name"] != dataset.name or dataset.card.task != "regression" or target.shape:
            raise DataError(f"{run.folder} gives no detector level: expected a regression of {dataset.name}")
        known[target.name] = Level(target.name, "", target.unit, 0, 0, _BINS)
    if not known:
        raise DataError(
            f"{dataset.name} has no observables at two levels: a room says them in levels.py, and a trained "
            "regression (--run RUN) brings its target"
        )
    if not wanted:
        raise DataError(f"observables are missing: choose any of {', '.join(known)}")
    return {name: known[as_name("observable", name, known)] for name in wanted}


def _pairs(sample: Sample, levels: dict[str, Level], run: Run | None, half: int | None, seed: int) -> Pairs:
    """Both levels of the events of a sample; ``half`` 0 or 1: only the first or second half of each split."""
    parts = []
    trained = run is not None and (
        half is not None or sample.manifest.fingerprint == run.record.dataset["fingerprint"]
    )
    for split in ("test",) if trained else ("train", "test"):
        events = sample.open(split)
        if half is not None:
            middle = len(events) // 2
            events = events[:middle] if half == 0 else events[middle:]
        parts.append(_both(sample.dataset, events, levels, run))
    particle, detector = (np.concatenate([p[i] for p in parts]) for i in (0, 1))
    missing = _missing(sample.dataset, levels)
    matched = np.all((particle != missing) | np.isnan(missing), axis=1)
    if (unmatched := 1 - matched.mean()) > _MOST_UNMATCHED:
        raise DataError(
            f"{100 * unmatched:.1f} % of the events of {sample.variant} have no particle level, at most "
            f"{100 * _MOST_UNMATCHED:g} % can be left out: choose another variant or observable"
        )
    particle, detector = particle[matched], detector[matched]
    rng = np.random.default_rng([seed, 1 << 21])
    for k, level in enumerate(levels.values()):
        if level.whole:  # densities need numbers that are spread; bins do not see it
            particle[:, k] += rng.uniform(-0.5, 0.5, len(particle))
            detector[:, k] += rng.uniform(-0.5, 0.5, len(particle))
    return Pairs(particle, detector, np.ones(len(particle)))


def _both(
    dataset: type[Dataset], events: Events, levels: dict[str, Level], run: Run | None
) -> tuple[Floats, Floats]:
    """(N, K) each, before and after the detector."""
    particle = np.stack([np.asarray(events[level.particle], np.float64) for level in levels.values()], axis=1)
    detector = np.empty_like(particle)
    for start in range(0, len(events), _BATCH) if any(level.detector for level in levels.values()) else ():
        part = events[start : start + _BATCH]
        summary = dataset.summary(part.take(slice(None)))
        for k, level in enumerate(levels.values()):
            if level.detector:
                detector[start : start + _BATCH, k] = summary[level.detector]
    for k, level in enumerate(levels.values()):
        if not level.detector and run is not None:
            predictions = run.predict(events)
            detector[predictions.event_id, k] = predictions.output
    return particle, detector


def _missing(dataset: type[Dataset], levels: dict[str, Level]) -> Floats:
    """What says that an event has no particle level; NaN where all have one."""
    card = dataset.card
    specs = {spec.name: spec for spec in (*card.inputs, *card.extras, card.target)}
    values = (specs[level.particle].padding for level in levels.values())
    return np.array([np.nan if value is None else value for value in values])


def _axis(name: str, level: Level, particle: Floats) -> Axis:
    low, high = level.low, level.high
    if low == high:
        low, high = (float(f"{v:.3g}") for v in np.quantile(particle, (0.005, 0.995)))
    edges = np.linspace(low, high, level.bins + 1)
    return Axis(name, level.unit, edges, edges, level.whole)


def _arrays(axes: tuple[Axis, ...], results: dict[str, list[dict[str, Any]]]) -> bytes:
    """Replicas and covariances, as an .npz file."""
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        **{
            f"{method}_{axis.name}_{what}": found[k][what]
            for method, found in results.items()
            for k, axis in enumerate(axes)
            for what in ("replicas", "covariance")
        },
    )
    return stream.getvalue()


def _facts(sample: Sample) -> dict[str, Any]:
    return {"variant": sample.variant, "fingerprint": sample.manifest.fingerprint}


def _observable(
    axis: Axis,
    level: Level,
    k: int,
    data: Pairs,
    simulation: Pairs,
    results: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """An observable's spectra in events of the data, and what each method found."""
    scale = len(data.weight) / len(simulation.weight)
    truth = counts(data.particle[:, k], axis.edges)
    prior = counts(simulation.particle[:, k], axis.edges) * scale
    return {
        "name": axis.name,
        "unit": axis.unit,
        "particle": level.particle,
        "detector": level.detector or "prediction of the run",
        "edges": axis.edges.tolist(),
        "truth": truth.tolist(),
        "prior": prior.tolist(),
        "data": counts(data.detector[:, k], axis.detector_edges).tolist(),
        "folded_prior": (counts(simulation.detector[:, k], axis.detector_edges) * scale).tolist(),
        "start": triangular(prior, truth),
        "floor": floor(int((truth > 0).sum()), len(data.weight), len(simulation.weight)),
        "methods": {
            name: {
                what: value.tolist() if isinstance(value, np.ndarray) else value
                for what, value in found[k].items()
                if what not in ("replicas", "covariance")
            }
            for name, found in results.items()
        },
    }
