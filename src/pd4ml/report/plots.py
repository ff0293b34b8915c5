"""The plots of a report: numbers in, pictures out. Loads matplotlib; import it where drawing starts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import PublishedScore
from pd4ml.metrics.classification import sigmoid
from pd4ml.report.curves import SIGNAL_EFFICIENCY, RocBand, binned_residuals
from pd4ml.report.groups import Group
from pd4ml.report.runs import Outputs
from pd4ml.report.shown import in_unit, shown
from pd4ml.report.style import CLASS_COLOURS, Picture, line, new_figure, picture, plain_text, points

__all__ = [
    "draw_band",
    "draw_by_truth",
    "draw_rejection",
    "draw_residuals",
    "learning_curves",
    "rejection_curves",
    "residuals",
    "residuals_by_truth",
    "roc_curves",
    "scores",
    "shares",
    "training_curves",
    "trainings",
]

Losses = Mapping[str, NDArray[np.float64]]


def roc_curves(name: str, bands: Mapping[str, RocBand]) -> Picture:
    """Background efficiency against signal efficiency."""
    figure, axes = new_figure()
    draw_band(axes, bands)
    axes.set(xlabel="background efficiency ε$_\\mathrm{B}$", ylabel="signal efficiency ε$_\\mathrm{S}$")
    axes.legend(loc="lower right")
    return picture(figure, name, "ROC curves. Bands: 68 % of bootstrap resamples of all trainings.")


def draw_band(axes: Any, bands: Mapping[str, RocBand]) -> None:
    """ROC curves with their bands, a curve for each model."""
    for i, (label, band) in enumerate(bands.items()):
        axes.plot(band.background, SIGNAL_EFFICIENCY, **line(i), label=plain_text(label))
        axes.fill_betweenx(SIGNAL_EFFICIENCY, band.low, band.high, color=line(i)["color"], alpha=0.25, linewidth=0)
    axes.plot([0, 1], [0, 1], color="#8a8a8a", linestyle=":", linewidth=1)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))


def rejection_curves(name: str, bands: Mapping[str, RocBand]) -> Picture:
    """1/eps_B against eps_S, on a logarithmic axis."""
    figure, axes = new_figure()
    draw_rejection(axes, bands)
    axes.set(xlabel="signal efficiency ε$_\\mathrm{S}$", ylabel="background rejection 1/ε$_\\mathrm{B}$")
    axes.legend(loc="upper right")
    return picture(figure, name, "Background rejection. Bands: 68 % of bootstrap resamples of all trainings.")


def draw_rejection(axes: Any, bands: Mapping[str, RocBand]) -> None:
    """Rejection with its band, a curve for each model; nothing is drawn where a table has a limit."""
    for i, (label, band) in enumerate(bands.items()):
        rejection, upper, lower = (
            1 / np.maximum(value, 0.5 / band.n_background) for value in (band.background, band.low, band.high)
        )
        seen = band.seen
        axes.plot(SIGNAL_EFFICIENCY[seen], rejection[seen], **line(i), label=plain_text(label))
        axes.fill_between(
            SIGNAL_EFFICIENCY[seen], lower[seen], upper[seen], color=line(i)["color"], alpha=0.25, linewidth=0
        )
    axes.set(xlim=(0, 1), yscale="log")


def scores(name: str, label: str, outputs: Sequence[Outputs], classes: Sequence[str]) -> Picture:
    """Distributions of the score by class, all trainings together."""
    figure, axes = new_figure()
    edges = np.linspace(0, 1, 41)
    score = np.concatenate([sigmoid(o.output) for o in outputs])
    truth, counts = (np.concatenate([getattr(o, what) for o in outputs]) for what in ("truth", "counts"))
    for i, of_class in enumerate(classes):
        style: dict[str, Any] = {"fill": True, "alpha": 0.35} if i == 0 else {"linewidth": 1.6}
        share = shares(score[truth == i], edges, counts[truth == i])
        axes.stairs(share, edges, color=CLASS_COLOURS[i % 4], label=plain_text(of_class), **style)
    axes.set(xlim=(0, 1), yscale="log", xlabel="score", ylabel="share of events per bin", title=plain_text(label))
    axes.legend(loc="upper center", ncols=len(classes))
    axes.set_ylim(top=axes.get_ylim()[1] * 3)
    return picture(figure, name, f"Score of {label} by true class, {trainings(outputs)}.")


def shares(values: NDArray[Any], edges: NDArray[Any], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of ``values`` (N,), which count as their ``counts`` (N,), in each bin."""
    total = counts.sum()
    return np.asarray(np.histogram(values, edges, weights=counts)[0] / (total if total > 0 else 1.0))


def training_curves(name: str, histories: Mapping[str, Sequence[Losses]], loss: str) -> Picture:
    """Losses by epoch: validation as lines, training as dots; a line for each training.

    Axes are logarithmic where they would hide most of a curve: losses that start far above where they end, trees
    that have many more rounds than networks have epochs.
    """
    figure, axes = new_figure()
    every = [one for losses in histories.values() for one in losses]
    lengths = [len(one["valid_loss"]) for one in every]
    values = np.concatenate([one[kind] for one in every for kind in ("valid_loss", "train_loss")])
    for i, (label, losses) in enumerate(histories.items()):
        for j, one in enumerate(losses):
            epoch = np.arange(1, len(one["valid_loss"]) + 1)
            axes.plot(epoch, one["valid_loss"], **line(i), lw=1.3, label=None if j else plain_text(label))
            axes.plot(epoch, one["train_loss"], ".", ms=3, color=line(i)["color"], alpha=0.6)
    axes.set(xlim=(0.5, max(lengths) + 0.5), xlabel="epoch", ylabel=loss)
    if max(lengths) > 5 * min(lengths):
        axes.set(xscale="log", xlim=(0.9, 1.1 * max(lengths)), xlabel="epoch, or number of trees")
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.xaxis.minorticks_off()
    bottom, top = axes.get_ylim()
    if values.min() > 0 and values.max() > 20 * values.min():
        axes.set(yscale="log", ylim=(0.8 * values.min(), values.max() * 1.6 ** len(histories)))
    else:
        axes.set_ylim(bottom, top + 0.1 * len(histories) * (top - bottom))
    axes.legend(loc="upper right")
    return picture(figure, name, "Training curves: lines are the validation loss, dots the training loss.")


def learning_curves(
    name: str,
    curves: Mapping[str, Sequence[Group]],
    metric: str,
    unit: str = "1",
    published: Sequence[PublishedScore] = (),
) -> Picture:
    """``metric`` against the number of training events, a line a recipe; published scores apart, in grey."""
    figure, axes = new_figure(size=(5.2, 3.6))
    for i, (label, groups) in enumerate(curves.items()):
        found = [(group.n_train, summary) for group in groups if (summary := group.summary(metric)) is not None]
        n_train = np.array([n for n, _ in found]) * 1.03 ** (i - len(curves) / 2)
        errors = [math.hypot(summary.mean.error or 0.0, summary.spread or 0.0) for _, summary in found]
        values = [summary.mean.value for _, summary in found]
        style = {**points(i), "fmt": points(i)["fmt"] + "-", "ms": 4, "lw": 1.2, "capsize": 2}
        axes.errorbar(n_train, values, errors, **style, label=plain_text(label))
    known = [score for score in published if score.n_train and metric in score.metrics]
    for i, score in enumerate(known):
        value = score.metrics[metric]
        style = {"color": "#8a8a8a", "fmt": "DPXph*"[i % 6], "ms": 5, "mfc": "none", "lw": 1.2}
        label = plain_text(f"{score.model}, published")
        axes.errorbar(score.n_train, value.value, value.error, **style, label=label)
    of, suffix = shown(metric), f" [{text}]" if (text := in_unit(metric, unit)) else ""
    axes.set(xscale="log", xlabel="training events", ylabel=plain_text((of.heading if of else metric) + suffix))
    figure.legend(loc="outside upper center", ncols=2)
    text = "Learning curves: errors are those of the test events and the spread of the trainings, in quadrature."
    if known:
        sources = ", ".join(dict.fromkeys(score.reference for score in known))
        text += f" In grey, what was published ({sources}): on other events, of other trainings."
    return picture(figure, name, text)


def residuals(name: str, outputs: Mapping[str, Sequence[Outputs]], quantity: str, unit: str) -> Picture:
    """Distributions of (prediction - truth)."""
    figure, axes = new_figure()
    draw_residuals(axes, outputs)
    axes.set(xlabel=plain_text(f"{quantity}: predicted - true [{unit}]"), ylabel="share of events per bin")
    axes.set_ylim(top=axes.get_ylim()[1] * 1.25)
    axes.legend(loc="upper left")
    return picture(figure, name, "Residuals of all trainings together; the tails beyond 99 % are not shown.")


def draw_residuals(axes: Any, outputs: Mapping[str, Sequence[Outputs]]) -> None:
    """Distributions of (prediction - truth) of single values, a line for each model."""
    residual = {label: np.concatenate([o.output - o.truth for o in each]) for label, each in outputs.items()}
    width = np.percentile(np.abs(np.concatenate(list(residual.values()))), 99)
    edges = np.linspace(-width, width, 61) if width > 0 else np.linspace(-1, 1, 61)
    for i, (label, values) in enumerate(residual.items()):
        counts = np.concatenate([o.counts for o in outputs[label]])
        style = {**line(i), "linewidth": 1.4, "label": plain_text(label)}
        axes.stairs(shares(values, edges, counts), edges, **style)
    axes.axvline(0, color="#8a8a8a", linestyle=":", linewidth=1)


def residuals_by_truth(name: str, outputs: Mapping[str, Sequence[Outputs]], quantity: str, unit: str) -> Picture:
    """Bias and resolution in bins of the truth."""
    figure, (upper, lower) = new_figure(rows=2, size=(4.4, 1.8))
    draw_by_truth(upper, lower, outputs)
    upper.set(ylabel=plain_text(f"bias [{unit}]"))
    lower.set(ylabel=plain_text(f"resolution [{unit}]"), xlabel=plain_text(f"true {quantity} [{unit}]"))
    upper.legend(loc="best")
    return picture(figure, name, "Bias and resolution in bins of the truth, with bootstrap errors.")


def draw_by_truth(upper: Any, lower: Any, outputs: Mapping[str, Sequence[Outputs]]) -> None:
    """Bias above and resolution below, of single values in bins of the truth; points for each model."""
    for i, (label, each) in enumerate(outputs.items()):
        binned = binned_residuals(each)
        centre, half = binned.centre, binned.width
        style: dict[str, Any] = {**points(i), "ms": 4, "lw": 1.2}
        upper.errorbar(centre, binned.bias, binned.bias_error, half, **style, label=plain_text(label))
        lower.errorbar(centre, binned.resolution, binned.resolution_error, half, **style)
    upper.axhline(0, color="#8a8a8a", linestyle=":", linewidth=1)
    upper.sharex(lower)
    upper.tick_params(labelbottom=False)
    lower.set_ylim(bottom=0)


def trainings(outputs: Sequence[Outputs]) -> str:
    """How many trainings a plot is of."""
    return "one training" if len(outputs) == 1 else f"{len(outputs)} trainings together"
