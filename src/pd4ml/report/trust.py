"""Plots of what can be trusted: probabilities, and how often intervals hold the truth. Loads matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pd4ml.methods.conformal import effective_number
from pd4ml.metrics.classification import sigmoid
from pd4ml.report.coverage import Coverage, Part
from pd4ml.report.runs import Outputs
from pd4ml.report.style import Picture, new_panels, picture, plain_text, points

__all__ = ["coverage_pictures", "reliability", "reliability_points"]

_POINTS = 10
_MOST = 40  # rows of a panel; the table has all
_GREY = {"color": "#8a8a8a", "linestyle": ":", "linewidth": 1}
_BINS = {
    "by_prediction": "Coverage in bins of the prediction, from the lowest.",
    "by_truth": "Coverage in bins of the truth. Predictions are pulled to the mean: extreme truths are left out.",
    "by_quantity": "Coverage in bins of the quantity that it is to hold in.",
}


def reliability_points(outputs: Outputs) -> tuple[NDArray[np.float64], ...]:
    """Mean probability, share of events that are of the class, and its error, in bins of equally many events.

    Of two classes that of class 1; of more, and of nodes, that of the class with the largest probability.
    """
    output = np.asarray(outputs.output, np.float64)
    if output.ndim == 1:
        p, hit = sigmoid(output), outputs.truth == 1
    else:
        p = np.exp(output - np.logaddexp.reduce(output, axis=1, keepdims=True)).max(axis=1)
        hit = output.argmax(axis=1) == outputs.truth
    rows = []
    for bin_ in np.array_split(np.argsort(p, kind="stable"), _POINTS):
        weight = outputs.counts[bin_]
        of = None if outputs.group is None else np.unique(outputs.group[bin_], return_inverse=True)[1]
        n = effective_number(hit[bin_], of, None if outputs.weight is None else weight)
        expected, found = (float(np.average(a[bin_], weights=weight)) for a in (p, hit))
        rows.append((expected, found, np.sqrt(max(found * (1 - found), expected * (1 - expected)) / n)))
    return tuple(np.array(rows).T)


def reliability(name: str, outputs: Mapping[str, Sequence[Outputs]]) -> Picture:
    """The share of events of a class against the probability that is said, and the difference below."""
    figure, (upper, lower) = new_panels(2, 1, (4.4, 2.2))
    for i, (label, trainings) in enumerate(outputs.items()):
        p, share, error = np.mean([reliability_points(each) for each in trainings], axis=0)
        style = {**points(i), "ms": 3.5, "lw": 1.1}
        upper.errorbar(p, share, error, **style, label=plain_text(label))
        lower.errorbar(p, share - p, error, **style)
    upper.plot([0, 1], [0, 1], **_GREY)
    lower.axhline(0, **_GREY)
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share of events")
    lower.set(xlim=(-0.02, 1.02), xlabel="probability", ylabel="share - probability")
    upper.legend(loc="upper left")
    text = "How often events are of the class, against the probability said. Errors are those of one training."
    return picture(figure, name, text)


def coverage_pictures(anchor: str, found: Mapping[str, Coverage]) -> Iterator[Picture]:
    """A panel for each coverage that is wanted: by class and variant, and in bins of prediction and truth."""
    levels = {(label, level.coverage): level for label, each in found.items() for level in each.levels}
    every = {of: tuple(level.parts(bins=False)) for of, level in levels.items()}
    text = "Share of events that intervals or sets hold, with errors of calibration and test events."
    yield _rows(f"{anchor}-coverage", every, text)
    for kind, caption in _BINS.items():
        parts = {of: level.bins[kind] for of, level in levels.items() if kind in level.bins}
        if kind == "by_prediction":  # which lie elsewhere for each run
            parts = {of: tuple(replace(b, name=f"bin {k + 1}") for k, b in enumerate(parts[of])) for of in parts}
        if parts:
            yield _rows(f"{anchor}-{kind}", parts, caption)


def _rows(name: str, parts: Mapping[tuple[str, float], Sequence[Part]], caption: str) -> Picture:
    """A panel for each coverage, a row for each part, points of each run; a dotted line is what is wanted."""
    labels, wanted = list(dict.fromkeys(of[0] for of in parts)), list(dict.fromkeys(of[1] for of in parts))
    rows = list(dict.fromkeys(part.name for each in parts.values() for part in each))[:_MOST]
    figure, panels = new_panels(len(wanted), 2, (3.6, 1.2 + 0.25 * len(rows)))
    for coverage, axes in zip(wanted, panels, strict=True):
        for i, label in enumerate(labels):
            known = [part for part in parts.get((label, coverage), ()) if part.name in rows]
            place = np.array([rows.index(part.name) for part in known])
            values, errors = ([getattr(part.share, of) for part in known] for of in ("value", "error"))
            offset = 0.6 * ((i + 0.5) / len(labels) - 0.5)
            axes.errorbar(values, place + offset, xerr=errors, **points(i), ms=4, lw=1.2, label=plain_text(label))
        axes.axvline(coverage, **_GREY)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [plain_text(row) for row in rows] if axes is panels[0] else [])
        axes.tick_params(axis="y", which="both", length=0)
        axes.set_xlabel(f"coverage, {coverage:g} is wanted")
    handles, texts = panels[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=2)
    return picture(figure, name, caption, wide=len(wanted) > 1)
