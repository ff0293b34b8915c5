"""Predictions of any tool, read from a file, checked and brought to one form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path
from pd4ml.errors import DataError, one_line
from pd4ml.evaluation.columns import UNNAMED, Columns, read_columns
from pd4ml.evaluation.names import CHECK, OTHER, Names, choose, quoted, tell
from pd4ml.evaluation.order import check_truth, event_ids
from pd4ml.evaluation.predictions import Predictions
from pd4ml.evaluation.truth import Truth
from pd4ml.storage.casting import cast
from pd4ml.storage.npz import open_npz

__all__ = ["read_submission"]

_COLUMNS = re.compile(r"event_id|node|(value|score|logit)(_\d{1,3})?")
_WITH_SPREADS = re.compile(_COLUMNS.pattern + "|spread|lower|upper")  # of a regression of one value
_ANY = ("prediction", "predictions", "pred", "preds", "ypred", "yhat", "output", "outputs")
_SCORES = (
    "scores",
    "prob",
    "probs",
    "proba",
    "probas",
    "probability",
    "probabilities",
    "yscore",
    "yprob",
    "yproba",
)
_ALIASES = {
    "score": {**dict.fromkeys((*_ANY, *_SCORES), "score"), "logits": "logit"},
    "value": {**dict.fromkeys(_ANY, "value"), "values": "value"},
}
# Columns of the truth, by what else they can hardly be: a regression's file may have classes, and a coordinate y.
_TARGETS = frozenset({"target", "targets", "truth", "ytrue"})
_LABELS = _TARGETS | {"label", "labels", "class", "issignal", "issignalnew", "y", "pid"}
# Fewer events than this say nothing about how many different scores there should be.
_MANY = 100
_MIN_DISTINCT = 50
_MAX_SAME = 0.1
_MOST_DECIMALS = 6


def read_submission(
    file: str | Path, truth: Truth, columns: Mapping[str, str] = MappingProxyType({})
) -> Predictions:
    """Predictions of all events of ``truth`` from a CSV, .npy, .npz or Parquet file.

    Columns: ``event_id`` (without it the events are in order) and, of a classifier, ``score`` (probability of
    class 1) or ``logit``; of K classes ``score`` or ``logit`` as (N, K), or ``score_0``, ``score_1``, ...; of a
    regression ``value``, with ``spread`` (a standard deviation) or ``lower`` and ``upper`` (quantiles) where they
    are known, of vectors (N, D) or ``value_0``, ``value_1``, ... Of a segmentation there are
    ``event_id`` and ``node``, the node's place in its event, and the scores or logits of each class, a row for
    each node. A file without names holds scores or values. ``split`` and ``fingerprint`` in an .npz file must be
    those of the truth.

    ``columns`` says which column is which, by these names, where the file has others. Known names of other tools
    are read, too, and so are the events' ids under another name; standard error says so. Columns that hold the
    truth must agree with it.

    Raises DataError for everything that would make the numbers wrong: ids that are missing, doubled or unknown,
    rows in another order, NaN, another split, half precision, rounded scores, labels in place of scores, scores
    outside 0 to 1.
    """
    file = as_path(file, "file")
    needed = ("value",) if truth.task == "regression" else ("logit", "score")
    what = f"{truth.name} is a {truth.task}, which needs a column"
    checked = _TARGETS if truth.task == "regression" else _LABELS
    of_one_value = truth.task == "regression" and truth.values.ndim == 1
    known = _WITH_SPREADS if of_one_value else _COLUMNS
    names = Names(known, needed, _ALIASES[needed[-1]], what, truth.classes, checked)
    read = read_columns(file, lambda found: choose(file, found, names, columns))
    _check_origin(file, truth)
    by_role = {wanted.role: column for wanted, column in read.items() if wanted.role not in (CHECK, OTHER)}
    kind, output = _output(file, by_role, truth)
    _check_numbers(file, output)
    given = truth.task == "regression" or kind == "logit"
    logit: NDArray[Any] = output if given else _logit(file, output)
    _check_distinct(file, output, truth)
    if logit.ndim == 2 and truth.n_classes == 2 and truth.task == "classification":
        logit = logit[:, 1] - logit[:, 0]
    places = _places(file, read, by_role, truth, names)
    check_truth(file, read, truth, places)
    logit = cast(logit[places], np.float32, str(file))
    tell(file, names.said)
    if truth.task == "segmentation":
        return Predictions(truth.task, truth.event_id, logit, truth.node)
    spreads = {
        name: cast(by_role[name][places], np.float32, f"{file}: {name}")
        for name in ("spread", "lower", "upper")
        if name in by_role
    }
    try:
        return Predictions(truth.task, np.arange(len(truth)), logit, **spreads)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def _places(
    file: Path, read: Columns, by_role: dict[str, NDArray[Any]], truth: Truth, names: Names
) -> NDArray[np.int64]:
    """Which row is that of each event, by ``event_id`` or a column of another name that is as good."""
    n, event_id, node = len(next(iter(read.values()))), by_role.get("event_id"), by_role.get("node")
    found = event_ids(file, read, truth.event_id) if event_id is None else None
    if found is None:
        return truth.places(event_id, n, node)
    event_id, name = found
    try:
        places = truth.places(event_id, n, node)
    except DataError as error:
        what = "leave the column out if it is something else"
        raise DataError(f"{file}: {quoted(name)} is read as event_id: {error}; {what}") from error
    names.said.append(f"{quoted(name)} is read as event_id: rows are put in the order of the events")
    return places


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


def _output(file: Path, columns: dict[str, NDArray[Any]], truth: Truth) -> tuple[str, NDArray[Any]]:
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
    raise AssertionError("choose has seen to it that one of them is there")


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
    column = output if output.ndim == 1 else output[:, min(1, output.shape[1] - 1)]
    distinct, counts = np.unique(column, return_counts=True)
    if truth.task != "regression" and (decimals := _decimals(output)) is not None:
        shared = counts[counts > 1].sum() / len(output)
        if shared > _MAX_SAME:
            grid = f"multiples of {10.0**-decimals:g}"
            raise DataError(
                f"{file}: predictions were rounded to {grid}, so that {shared:.0%} of them are tied; {advice}"
            )
    with np.errstate(over="ignore"):
        half = np.array_equal(output, output.astype(np.float16))
    # bfloat16 is float32 whose last 16 bits are zero.
    single = output.astype(np.float32)
    brain = np.array_equal(single, output) and not (single.view(np.uint32) & 0xFFFF).any()
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


def _decimals(output: NDArray[Any]) -> int | None:
    """To how few decimals, up to six, all of ``output`` were rounded; None if they were not."""
    output = np.asarray(output if output.dtype.kind == "f" else output.astype(np.float64))
    most, digits = float(np.abs(output).max()), np.finfo(output.dtype).eps
    for decimals in range(_MOST_DECIMALS + 1):
        steps = output.astype(np.float64) * 10.0**decimals
        unsure = most * 10.0**decimals * digits  # by so much a number of this precision is off its decimals
        if unsure > 0.05:
            return None
        if (np.abs(steps - np.rint(steps)) <= 2 * unsure).all():
            return decimals
    return None
