"""A transform changes a trained model, and what comes out is a run with a parent."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from pd4ml.benchmark.derive import Material, derive, valid_predictions
from pd4ml.benchmark.run import Run
from pd4ml.errors import DataError
from pd4ml.sample import Sample
from pd4ml.training.fitted import Transform

__all__ = ["transform"]


def transform(run: Run, how: Transform, sample: Sample, *, runs_dir: str | Path = "./runs") -> Run:
    """Apply ``how`` to a finished run, and leave a run of its own that names the first as its parent.

    Parameters
    ----------
    run : Run
        What is changed; it stays as it is.
    how : Transform
        The change and its options, a frozen dataclass.
    sample : Sample
        The sample that the run was trained on: for what the change has to look at, and to predict again.
    runs_dir : str or Path
        Below it the new run gets a folder; one that is there already is not made again.

    Returns
    -------
    Run
        The changed model with its record.

    Raises
    ------
    DataError
        If ``sample`` is not the one of the record, or if the model cannot be changed like this.
    """
    if sample.fingerprint != run.record.samples.get("test"):
        raise DataError(f"{sample!r} is not the sample that {run!r} was trained on")
    whole = sample.open("valid" if "valid" in sample.card.splits else "train")
    valid = whole.choose(np.isin(whole.places, valid_predictions(run).event_id))
    return derive(
        [run],
        {"kind": how.kind, **asdict(how)},
        lambda folder: how.apply(run.fitted, {"train": sample}, folder),
        Material(sample.open("test"), valid),
        runs_dir=runs_dir,
    )
