"""Subcommands about numbers: evaluate, audit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pd4ml.cli import complete
from pd4ml.cli.app import (
    AsJson,
    ColumnNames,
    DataPath,
    DatasetName,
    SourceName,
    VariantName,
    app,
    find,
    say,
    width,
)
from pd4ml.errors import DataError

if TYPE_CHECKING:
    from pd4ml.audit.audit import Audit
    from pd4ml.card import Measurement
    from pd4ml.evaluation.predictions import Predictions
    from pd4ml.evaluation.truth import Truth

__all__ = ["audit", "evaluate"]


@app.command()
def evaluate(
    run: Annotated[Path | None, typer.Argument(help="The folder of a finished run.")] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Instead of RUN: a CSV, .npy, .npz or Parquet file.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="The dataset they are predictions for.", autocompletion=complete.datasets),
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="The split they are predictions for.", autocompletion=complete.splits)
    ] = "test",
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Instead of --dataset: a file of labels or values.")
    ] = None,
    truth_sha256: Annotated[
        str | None, typer.Option("--truth-sha256", help="The hash that the file of --truth must have.")
    ] = None,
    columns: ColumnNames = None,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    as_json: AsJson = False,
) -> None:
    """Metrics with errors: of a run, held against its record, or of any tool's predictions.

    A file of predictions has columns event_id (or all events in order) and score, logit or value; of K classes
    logit_0, logit_1, ..., of vectors value_0, ..., of labels of nodes event_id and node too. Known names of other
    tools are read as well, and said; for all others there is --columns.

    Examples: pd4ml evaluate runs/NAME ;
    pd4ml evaluate --predictions scores.csv --dataset TopTagging --split test ;
    pd4ml evaluate --predictions pred.parquet --dataset TopTagging --columns score=score_label_Top,event_id=id
    """
    from pd4ml.benchmark.run import evaluate
    from pd4ml.evaluation.hints import hints
    from pd4ml.evaluation.names import parse_columns, tell
    from pd4ml.evaluation.submission import read_submission
    from pd4ml.evaluation.truth import dataset_truth, file_truth

    if (run is None) == (predictions is None):
        raise DataError("evaluate takes the folder of a run, or --predictions FILE with --dataset or --truth")
    if run is not None:
        _print_metrics(evaluate(run, path), [], as_json)
        return
    assert predictions is not None
    given = parse_columns(columns)
    of_truth = {key: given.pop(key) for key in list(given) if key.startswith(("label", "target", "weight"))}
    if truth is not None and dataset is None:
        known = file_truth(truth, truth_sha256, of_truth)
    elif dataset is not None and truth is None and truth_sha256 is None:
        if of_truth:
            raise DataError(f"--columns {', '.join(of_truth)} is for a file of --truth")
        found, source = find(dataset, path, source)
        known = dataset_truth(found, split, path, source=source, variant=variant)
    else:
        raise DataError(
            "predictions are held against --dataset NAME or against --truth FILE (with --truth-sha256)"
        )
    measured = _print_submission(read_submission(predictions, known, given), known, as_json)
    tell(predictions, hints(measured, known.classes))


@app.command()
def audit(
    dataset: DatasetName,
    source: SourceName = "",
    variant: VariantName = "default",
    path: DataPath = Path("datasets"),
    as_json: AsJson = False,
) -> None:
    """Look for duplicates, exact and near, within and between train and test, and for labels given away.

    Exits with 1 if the same event, or events that belong together, are in both splits. What trivial features
    tell of the label is given as a number: judge it.
    """
    from pd4ml.audit.audit import audit

    chosen, source = find(dataset, path, source)
    found = audit(chosen, path, source=source, variant=variant)
    if as_json:
        print(json.dumps({**asdict(found), "failed": found.failed}, indent=1))
    else:
        say("\n".join(_audit_lines(found)), hang="  ")
    if found.failed:
        raise typer.Exit(1)


def _audit_lines(found: Audit) -> list[str]:
    facts = found.dataset
    events = ", ".join(f"{n:,} {split}" for split, n in found.events.items())
    lines = [f"{facts['name']} ({facts['source']} {facts['variant']}), {events}, {facts['fingerprint'][:16]}"]
    for d in found.duplicates:
        where = f"within {d.first}" if d.first == d.second else f"in both {d.first} and {d.second}"
        labels = f", {d.n_other_label:,} of them with another label" if d.n_events else ""
        lines.append(f"exact duplicates {where}: {d.n_events:,}{labels}{_example(d.example)}")
    for near in found.near:
        where = f"within {near.first}" if near.first == near.second else f"of {near.second} in {near.first}"
        lines.append(
            f"near duplicates {where}: {near.n_events:,} of {near.n_looked_at:,} "
            f"({near.expected_by_chance:g} expected by chance){_example(near.example)}"
        )
    for group in found.groups:
        where = f"in both {group.first} and {group.second}"
        lines.append(f"{group.name} {where}: {group.n_groups:,} ({group.n_events:,} events)")
    lines.append("what trivial features tell of the target:")
    for leak in found.leaks:
        flag = "  <- more than is plausible" if leak.flagged else ""
        lines.append(f"  {leak.metric} {leak.score} ({leak.on})  {leak.feature}{flag}")
    return lines


def _example(example: tuple[int, int] | None) -> str:
    return f", for example {example[0]} and {example[1]}" if example else ""


def _print_submission(submission: Predictions, truth: Truth, as_json: bool) -> dict[str, Measurement]:
    from pd4ml.metrics.regression import by_target

    bins = (
        by_target(submission.output, truth.values, group=truth.group, weight=truth.weight)
        if truth.task == "regression"
        else []
    )
    if not as_json:
        print(f"{len(truth):,} {truth.rows} of {truth.name}, truth SHA-256 {truth.sha256[:16]}")
    measured = truth.metrics(submission)
    _print_metrics(measured, bins, as_json)
    return measured


def _print_metrics(measured: Any, bins: list[Any], as_json: bool) -> None:
    from pd4ml.report.numbers import format_metric
    from pd4ml.report.render import to_text
    from pd4ml.report.rows import Cell, Column, Row, Table, measured_cell

    if as_json:
        body: dict[str, Any] = {name: asdict(value) for name, value in measured.items()}
        told = [{k: v for k, v in asdict(b).items() if v is not None} for b in bins]
        print(json.dumps({**body, **({"by_target": told} if bins else {})}, indent=1))
        return
    room = max(len(name) for name in measured) + 2
    for name, value in measured.items():
        print(f"{name:<{room}}{format_metric(name, value)}")
    if bins:
        names = list(dict.fromkeys(name for b in bins for name in b.metrics))
        rows = tuple(
            Row(
                f"{b.low:.6g} to {b.high:.6g}" + ("" if b.component is None else f", component {b.component}"),
                (Cell(f"{b.n_events:,}"), *(measured_cell(name, b.metrics.get(name)) for name in names)),
            )
            for b in bins
        )
        columns = tuple(Column.of(name) for name in ("events", *names))
        print()
        print(to_text(Table("", columns, rows, first="target"), width()))
