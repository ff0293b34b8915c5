"""Predictions of any tool, read from a file, checked and brought to one form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.errors import DataError, one_line
from pd4ml.evaluation.columns import UNNAMED, Columns, read_columns
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import Truth
from pd4ml.storage.casting import cast
from pd4ml.storage.npz import open_npz

__all__ = ["read_submission"]

_COLUMNS = re.compile(r"event_id|node|(value|score|logit)(_\d{1,3})?")
# Fewer events than this say nothing about how many different scores there should be.
_MANY = 100
_MIN_DISTINCT = 50
_MAX_SAME = 0.1


def read_submission(file: str | Path, truth: Truth) -> Predictions:
    """Predictions of all events of ``truth`` from a CSV, .npy, .npz or Parquet file.

    Columns: ``event_id`` (without it the events are in order) and, of a classifier, ``score`` (probability of
    class 1) or ``logit``; of K classes ``score`` or ``logit`` as (N, K), or ``score_0``, ``score_1``, ...; of a
    regression ``value``, of vectors (N, D) or ``value_0``, ``value_1``, ... Of a segmentation there are
    ``event_id`` and ``node``, the node's place in its event, and the scores or logits of each class, a row for
    each node. A file without names holds scores or values. ``split`` and ``fingerprint`` in an .npz file must be
    those of the truth.

    Raises DataError for everything that would make the numbers wrong: ids that are missing, doubled or unknown,
    NaN, another split, half precision, rounded scores, labels in place of scores, scores outside 0 to 1.
    """
    file = as_path(file, "file")
    columns = read_columns(file, _COLUMNS)
    _check_origin(file, truth)
    event_id, node = columns.pop("event_id", None), columns.pop("node", None)
    kind, output = _output(file, columns, truth)
    _check_numbers(file, output)
    given = truth.task == "regression" or kind == "logit"
    logit: NDArray[Any] = output if given else _logit(file, output)
    _check_distinct(file, output, truth)
    if logit.ndim == 2 and truth.n_classes == 2 and truth.task == "classification":
        logit = logit[:, 1] - logit[:, 0]
    logit = cast(logit[truth.places(event_id, len(logit), node)], np.float32, str(file))
    if truth.task == "segmentation":
        return Predictions(truth.task, truth.event_id, logit, truth.node)
    return Predictions(truth.task, np.arange(len(truth)), logit)


def _check_origin(file: Path, truth: Truth) -> None:
    """An .npz file may say which ``split`` and which dataset (``fingerprint``) its predictions are of."""
    if file.suffix.lower() != ".npz":
        return
    members = open_npz(file)
    for name, wanted in (("split", truth.split), ("fingerprint", truth.fingerprint)):
        if name in members and members[name].shape == () and wanted:
            found = one_line(str(members[name].read().item()))
            if found != wanted:
                raise DataError(
                    f"{file} holds predictions of {name} {found!r}, expected {wanted!r} ({truth.name})"
                )


def _output(file: Path, columns: Columns, truth: Truth) -> tuple[str, NDArray[Any]]:
    """``logit``, ``score`` or ``value``, (N,) or (N, K), and which of them it is."""
    kinds = ("value",) if truth.task == "regression" else ("logit", "score")
    for kind in (*kinds, UNNAMED):
        numbered = sorted((n for n in columns if n.startswith(kind + "_")), key=lambda n: int(n.partition("_")[2]))
        if kind in columns:
            output = columns[kind]
        elif kind and numbered:
            if numbered != [f"{kind}_{k}" for k in range(len(numbered))]:
                raise DataError(f"{file}: expected columns {kind}_0, {kind}_1, ..., found {', '.join(numbered)}")
            output = np.stack([columns[name] for name in numbered], axis=1)
        else:
            continue
        shapes = _shapes(truth, len(output))
        if output.ndim == 2 and output.shape[1] == 1 and shapes[0] == (len(output),):
            output = output[:, 0]
        if output.shape not in shapes or not len(output):
            rows = "N" if truth.node is None else "M"
            wanted = " or ".join(f"({rows},)" if len(s) == 1 else f"({rows}, {s[1]})" for s in shapes)
            raise DataError(f"{file}: {truth.name} needs predictions {wanted}, found {output.shape}")
        return kind, output
    raise DataError(
        f"{file}: {truth.name} is a {truth.task}, which needs a column {' or '.join(kinds)}; "
        f"found {', '.join(columns) or 'none'}"
    )


def _shapes(truth: Truth, n: int) -> list[tuple[int, ...]]:
    """What shapes ``n`` predictions may have."""
    if truth.task == "regression":
        return [(n, *truth.values.shape[1:])]
    alone: list[tuple[int, ...]] = [(n,)] if truth.task == "classification" and truth.n_classes == 2 else []
    return [*alone, (n, truth.n_classes)]


def _check_numbers(file: Path, output: NDArray[Any]) -> None:
    if output.dtype == np.float16:
        raise DataError(
            f"{file} is in half precision (float16), which makes ties of different scores: write float32 or more"
        )
    if output.dtype.kind not in "fiub":
        raise DataError(f"{file}: predictions must be numbers, found {output.dtype}")
    bad = np.flatnonzero(~np.isfinite(output).reshape(len(output), -1).all(axis=1))
    if len(bad):
        raise DataError(f"{file}: {len(bad):,} predictions are NaN or infinite, the first in place {bad[0]}")


def _logit(file: Path, score: NDArray[Any]) -> NDArray[np.float64]:
    """Logits of probabilities (N,); logarithms of those of (N, K), whose rows sum to 1.

    An exact 1 (or 0) is one that rounding made: it gets a logit beyond all others of its precision.
    """
    outside = np.flatnonzero(((score < 0) | (score > 1)).reshape(len(score), -1).any(axis=1))
    if len(outside):
        raise DataError(
            f"{file}: {len(outside):,} scores are outside 0 to 1, the first in place {outside[0]}; if they are "
            "logits, name them `logit` (a column of a CSV or Parquet file, or a key of an .npz file)"
        )
    most = -np.log(np.finfo(score.dtype if score.dtype.kind == "f" else np.float64).eps / 4)
    p = score.astype(np.float64)
    tiny = p[p > 0]
    least = min(-most, float(np.log(tiny.min())) - 1 if len(tiny) else 0.0)
    with np.errstate(divide="ignore"):
        if score.ndim == 2:
            if not np.allclose(p.sum(axis=1), 1, atol=1e-3):
                raise DataError(
                    f"{file}: the scores of an event must sum to 1; if they are logits, name them `logit`"
                )
            return np.asarray(np.maximum(np.log(p), least))
        return np.asarray(np.clip(np.log(p) - np.log1p(-p), least, most))


def _check_distinct(file: Path, output: NDArray[Any], truth: Truth) -> None:
    """Refuse labels, half precision written as float32, and scores that were rounded or pile up."""
    advice = "write the model's output in full precision, best as logits"
    if truth.task != "regression" and np.isin(output, (0, 1)).all():
        raise DataError(f"{file} holds only 0 and 1: these are labels; {advice}")
    if len(output) < _MANY:
        return
    with np.errstate(over="ignore"):
        half = np.array_equal(output, output.astype(np.float16))
    # bfloat16 is float32 whose last 16 bits are zero.
    single = output.astype(np.float32)
    brain = np.array_equal(single, output) and not (single.view(np.uint32) & 0xFFFF).any()
    column = output if output.ndim == 1 else output[:, min(1, output.shape[1] - 1)]
    distinct, counts = np.unique(column, return_counts=True)
    if len(distinct) < _MIN_DISTINCT:
        raise DataError(
            f"{file}: {len(output):,} predictions have only {len(distinct)} different values; {advice}"
        )
    if half or brain:
        raise DataError(f"{file}: every prediction fits into {'bfloat16' if brain else 'float16'}; {advice}")
    share = counts.max() / len(output)
    if share > _MAX_SAME:
        value = distinct[counts.argmax()]
        raise DataError(f"{file}: {share:.0%} of the predictions are {value:.6g}, rounded or saturated; {advice}")
