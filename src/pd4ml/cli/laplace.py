"""The subcommand laplace, which gives a finished network an uncertainty."""

from __future__ import annotations

from pathlib import Path

from pd4ml.cli.app import AsJson, DataPath, RunsPath, ThreadNumber, app
from pd4ml.cli.runs import RunFolder
from pd4ml.cli.training import print_records

__all__ = ["laplace"]


@app.command()
def laplace(
    run: RunFolder,
    path: DataPath = Path("datasets"),
    runs: RunsPath = Path("runs"),
    threads: ThreadNumber = None,
    as_json: AsJson = False,
) -> None:
    """Give a finished network the Laplace approximation of its last layer, as a run of its own.

    Of a regression of one value its predictions have a spread then, and the value stays as it is; logits of
    classes are corrected for what the training leaves open. Nothing is trained.

    Example: pd4ml laplace runs/NAME
    """
    from pd4ml.benchmark.run import load_run
    from pd4ml.benchmark.transform import transform
    from pd4ml.methods.laplace import Laplace

    finished = load_run(run, threads=threads)
    facts = finished.record.dataset
    sample = finished.fitted.dataset.at(path, source=facts["source"], variant=facts["variant"])
    print_records([transform(finished, Laplace(), sample, runs_dir=runs).record], as_json)
