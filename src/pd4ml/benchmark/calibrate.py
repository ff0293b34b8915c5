"""Calibrated runs and ensembles: runs made of runs, whose probabilities can be trusted more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_name
from pd4ml.benchmark.derive import Material, derive, events_of, valid_predictions
from pd4ml.benchmark.run import Run
from pd4ml.errors import DataError
from pd4ml.evaluation.truth import Truth, events_truth
from pd4ml.methods.calibration import LEAST_EVENTS, fit_isotonic, fit_temperature
from pd4ml.methods.derived import Derived

__all__ = ["CALIBRATIONS", "calibrate", "ensemble"]

CALIBRATIONS = ("temperature", "isotonic")


def calibrate(
    run: Run,
    path: str | Path = "./datasets",
    *,
    method: str = "temperature",
    runs_dir: str | Path | None = None,
) -> Run:
    """Calibrate the probabilities of a finished run, fitted on its validation events only.

    Parameters
    ----------
    run : Run
        A finished run of a classification or segmentation; it stays as it is.
    path : str or Path
        The folder that holds the datasets.
    method : str
        ``temperature``, or, of two classes, ``isotonic``.
    runs_dir : str or Path, optional
        Below it the new run gets a folder: by default beside the run. One that is there is not made again.

    Returns
    -------
    Run
        The calibrated model, with a record that names the run as its parent.

    Raises
    ------
    DataError
        For values, which have no probabilities, and for fewer than 500 validation events, or groups of them that
        belong together.
    """
    method = as_name("method", method, CALIBRATIONS)
    if run.record.dataset["task"] not in ("classification", "segmentation"):
        raise DataError(f"{run.folder} predicts values, not probabilities: `pd4ml intervals` is for them")
    material = events_of([run], path)

    def make(folder: Path) -> Derived:
        logits, truth = _validated(run, material)
        group = truth.group if truth.group is not None else truth.event_id
        codes = np.unique(group, return_inverse=True)[1]
        n = int(codes.max()) + 1
        if n < LEAST_EVENTS:
            of = f"events ({n:,} independent groups)" if truth.group is not None else "events"
            raise DataError(
                f"{run.folder} was validated on {len(material.valid):,} {of}, and a calibration needs at least "
                f"{LEAST_EVENTS} that are independent: train on more events"
            )
        if method == "isotonic":
            arrays = fit_isotonic(logits, truth.values, weight=truth.weight)
            return Derived([run.fitted], method, arrays, {"events": len(material.valid)})
        found = fit_temperature(logits, truth.values, group=codes, weight=truth.weight)
        options = {"temperature": found.value, "error": found.error, "events": len(material.valid)}
        return Derived([run.fitted], method, {}, options)

    return derive([run], {"kind": method}, make, material, runs_dir=runs_dir or run.folder.parent)


def ensemble(runs: Sequence[Run], path: str | Path = "./datasets", *, runs_dir: str | Path | None = None) -> Run:
    """Average finished runs: the mean of their probabilities, or of their values.

    Parameters
    ----------
    runs : sequence of Run
        Two or more, tested on the same events; recipes and models may differ.
    path : str or Path
        The folder that holds the datasets.
    runs_dir : str or Path, optional
        Below it the new run gets a folder: by default beside the first run. One that is there is not made again.

    Returns
    -------
    Run
        The ensemble, with a record that names all runs as its parents. It is validated on the events that none of
        them was trained on.

    Raises
    ------
    DataError
        For fewer than two runs, runs that predict the same, or runs of other events.
    """
    by_hash = {run.record.predictions["sha256"]: run for run in runs}
    if len(by_hash) < 2 or len(by_hash) < len(runs):
        raise DataError(
            f"an ensemble needs two or more runs, all different, and of {len(runs)} only {len(by_hash)} predict "
            "differently: trees that draw nothing at random are the same for each seed"
        )
    members = sorted(runs, key=lambda run: run.record.sha256)
    names = sorted(f"{run.record.recipe['name']}, seed {run.record.seed}" for run in members)
    recipes = {run.record.recipe["name"] for run in members}
    prefix = f"{recipes.pop()}-" if len(recipes) == 1 else ""
    return derive(
        members,
        {"kind": "ensemble"},
        lambda folder: Derived([run.fitted for run in members], "ensemble"),
        events_of(members, path),
        runs_dir=runs_dir or runs[0].folder.parent,
        recipe={"name": f"{prefix}ensemble-of-{len(members)}", "model": "ensemble", "members": names},
    )


def _validated(run: Run, material: Material) -> tuple[NDArray[Any], Truth]:
    """Outputs for the validation events as the run left them, row by row as their truth."""
    predictions = valid_predictions(run)
    truth = events_truth(run.fitted.dataset.card, material.valid)
    return predictions.output[truth.places(predictions.event_id, len(predictions), predictions.node)], truth
