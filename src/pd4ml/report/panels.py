"""Plots of several panels: K classes, each against the rest; components of a vector. Loads matplotlib."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pd4ml.metrics.classification import one_against_rest, sigmoid
from pd4ml.report.curves import RocBand, against_rest, component, confusion, confusion_shares, roc_band
from pd4ml.report.groups import Group
from pd4ml.report.plots import draw_band, draw_by_truth, draw_rejection, draw_residuals, shares, trainings
from pd4ml.report.runs import Outputs
from pd4ml.report.shift import Shifts
from pd4ml.report.shown import in_unit, shown
from pd4ml.report.style import (
    CLASS_COLOURS,
    Picture,
    new_figure,
    new_panels,
    picture,
    plain_text,
    points,
)

__all__ = [
    "bands_of_classes",
    "class_points",
    "confusion_matrix",
    "rejection_by_class",
    "residuals_by_component",
    "roc_by_class",
    "scores_by_class",
    "shift_differences",
    "truth_by_component",
]

_PANEL = (2.5, 2.2)
# More panels than these are no plot any more; the numbers of all classes are in the table.
_MOST_PANELS = 12
_MOST_COMPONENTS = 6
_MOST_VARIANTS = 40
_MEANING = "Efficiencies are those at the threshold that has signal efficiency 0.5 on nominal events."
# So many classes have numbers in the cells of a confusion matrix, with events and without.
_MOST_COUNTS, _MOST_NUMBERS = 4, 16

Bands = Mapping[str, Sequence[RocBand]]


def bands_of_classes(outputs: Mapping[str, Sequence[Outputs]], n_classes: int) -> dict[str, list[RocBand]]:
    """ROC bands of each class against the rest, by model."""
    shown_classes = range(min(n_classes, _MOST_PANELS))
    return {label: [roc_band(against_rest(each, k)) for k in shown_classes] for label, each in outputs.items()}


def rejection_by_class(name: str, bands: Bands, classes: Sequence[str]) -> Picture:
    """1/eps_B of each class against the rest: a panel for each class, a curve for each model."""
    figure, panels = _class_panels(classes)
    for k, axes in enumerate(panels):
        draw_rejection(axes, {label: each[k] for label, each in bands.items()})
    _label(figure, panels, "ε$_\\mathrm{S}$", "1/ε$_\\mathrm{B}$")
    text = "Background rejection of each class against all others. Bands: 68 % of resamples of all trainings."
    return picture(figure, name, text + _left_out(classes), wide=True)


def roc_by_class(name: str, bands: Bands, classes: Sequence[str]) -> Picture:
    """ROC curves of each class against the rest: a panel for each class, a curve for each model."""
    figure, panels = _class_panels(classes)
    for k, axes in enumerate(panels):
        draw_band(axes, {label: each[k] for label, each in bands.items()})
    _label(figure, panels, "ε$_\\mathrm{B}$", "ε$_\\mathrm{S}$")
    text = "ROC curves of each class against all others. Bands: 68 % of bootstrap resamples of all trainings."
    return picture(figure, name, text + _left_out(classes), wide=True)


def scores_by_class(name: str, label: str, outputs: Sequence[Outputs], classes: Sequence[str]) -> Picture:
    """Distributions of each class's score: by true class where these are few, else of the class and the rest."""
    figure, panels = _class_panels(classes)
    edges = np.linspace(0, 1, 31)
    truth, counts = (np.concatenate([getattr(o, what) for o in outputs]) for what in ("truth", "counts"))
    few = len(classes) <= len(CLASS_COLOURS)
    for k, axes in enumerate(panels):
        score = np.concatenate([sigmoid(one_against_rest(o.output, k)) for o in outputs])
        of_classes = enumerate(classes) if few else ((0, "the class"), (1, "all others"))
        for i, text in of_classes:
            chosen = truth == i if few else (truth == k) == (i == 0)
            style: dict[str, Any] = {"fill": True, "alpha": 0.35} if i == (k if few else 0) else {"linewidth": 1.4}
            share = shares(score[chosen], edges, counts[chosen])
            axes.stairs(share, edges, color=CLASS_COLOURS[i], label=plain_text(text), **style)
        axes.set(xlim=(0, 1), yscale="log")
    _label(figure, panels, "score", "share of events")
    what = "true class" if few else "whether it is the true class"
    text = f"Scores of {label} for each class by {what}, {trainings(outputs)}."
    return picture(figure, name, text + _left_out(classes), wide=True)


def confusion_matrix(name: str, label: str, outputs: Sequence[Outputs], classes: Sequence[str]) -> Picture:
    """Which class events (or nodes) of a class are taken for: at score 0.5, or the one with the largest score."""
    n = len(classes)
    counts, share = confusion(outputs, n), confusion_shares(outputs, n)
    figure, axes = new_figure(size=(4.4, 3.4) if n <= _MOST_COUNTS else (5.2, 4.6))
    image = axes.imshow(share, vmin=0, vmax=1, cmap="cividis", interpolation="none")
    for row, column in np.ndindex(n, n) if n <= _MOST_NUMBERS else ():
        # Dark on the light end of the map, light on the dark end, whatever the page's colours.
        colour = "#111111" if share[row, column] > 0.5 else "#f5f5f5"
        percent = 100 * share[row, column]
        text = f"{percent:.1f} %\n{counts[row, column]:,}" if n <= _MOST_COUNTS else f"{percent:.0f}"
        size = None if n < 4 else 8 if n <= 10 else 6
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    if n > _MOST_COUNTS:
        figure.colorbar(image, ax=axes, label="share of the true class")
    _name_classes(axes, classes)
    axes.set(xlabel="predicted class", ylabel="true class", title=plain_text(label))
    if n == 2:
        right = f"{100 * share[1, 1]:.1f} % of {classes[1]} and {100 * share[0, 0]:.1f} % of {classes[0]}"
        return picture(figure, name, f"Confusion matrix of {label}: {right} are recognised at score 0.5.")
    right = f"{100 * np.diag(share).mean():.1f} % are recognised, mean of the classes"
    percents = "; numbers are per cents of the true class" if _MOST_COUNTS < n <= _MOST_NUMBERS else ""
    return picture(figure, name, f"Confusion matrix of {label}: {right}{percents}.")


def class_points(name: str, groups: Sequence[Group], metrics: Sequence[str], classes: Sequence[str]) -> Picture:
    """``metrics`` class by class: a panel for each, points with bootstrap errors for each model."""
    figure, panels = new_panels(len(metrics), 3, (max(2.6, 0.45 * len(classes)), 2.6))
    place = np.arange(len(classes))
    for metric, axes in zip(metrics, panels, strict=True):
        for i, group in enumerate(groups):
            found = [group.summary(f"{metric}_class_{k}") for k in range(len(classes))]
            values = np.array([np.nan if f is None else f.mean.value for f in found])
            errors = np.array([0.0 if f is None else f.mean.error or 0.0 for f in found])
            offset = 0.7 * ((i + 0.5) / len(groups) - 0.5)
            axes.errorbar(place + offset, values, errors, **points(i), ms=4, lw=1.2, label=plain_text(group.label))
        for edge in place[1:] - 0.5:
            axes.axvline(edge, color="#8a8a8a", linestyle=":", linewidth=0.5)
        axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(0, 1.05))
        axes.set_xticks(place, [plain_text(of) for of in classes], rotation=_rotation(classes))
        axes.tick_params(axis="x", which="both", length=0)
        of = shown(metric)
        axes.set_title(of.heading if of else metric)
    _legend(figure, panels)
    return picture(figure, name, "Numbers of each class, with bootstrap errors of whole events.", wide=True)


def residuals_by_component(
    name: str, outputs: Mapping[str, Sequence[Outputs]], quantity: str, unit: str
) -> Picture:
    """Distributions of (prediction - truth), a panel for each component."""
    n = _n_components(outputs)
    figure, panels = new_panels(min(n, _MOST_COMPONENTS), 3, (2.9, 2.4))
    for d, axes in enumerate(panels):
        draw_residuals(axes, {label: component(each, d) for label, each in outputs.items()})
        axes.set(xlabel=plain_text(f"{quantity} {d}: predicted - true [{unit}]"))
        axes.set_ylabel("share of events" if d % 3 == 0 else "")
    _legend(figure, panels)
    text = "Residuals of each component, of all trainings together; the tails beyond 99 % are not shown."
    return picture(figure, name, text + _first_of(n, "components", _MOST_COMPONENTS), wide=True)


def truth_by_component(name: str, outputs: Mapping[str, Sequence[Outputs]], quantity: str, unit: str) -> Picture:
    """Bias and resolution of each component in bins of its truth."""
    n = _n_components(outputs)
    columns = min(n, _MOST_COMPONENTS)
    figure, axes = new_figure(columns, 2, (2.9, 1.8))
    grid = np.reshape(axes, (2, columns))
    for d in range(columns):
        upper, lower = grid[:, d]
        draw_by_truth(upper, lower, {label: component(each, d) for label, each in outputs.items()})
        lower.set(xlabel=plain_text(f"true {quantity} {d} [{unit}]"))
    grid[0, 0].set(ylabel=plain_text(f"bias [{unit}]"))
    grid[1, 0].set(ylabel=plain_text(f"resolution [{unit}]"))
    _legend(figure, list(grid[0]))
    text = "Bias and resolution of each component in bins of its truth, with bootstrap errors."
    return picture(figure, name, text + _first_of(n, "components", _MOST_COMPONENTS), wide=True)


def shift_differences(name: str, shifts: Mapping[str, Shifts], metrics: Sequence[str], unit: str) -> Picture:
    """Differences from nominal, variant by variant: a panel for each metric, points with errors for each run."""
    variants = list(dict.fromkeys(v.variant for found in shifts.values() for v in found.variants))
    drawn = variants[:_MOST_VARIANTS]
    figure, panels = new_panels(len(metrics), 2, (3.6, 1.2 + 0.32 * len(drawn)))
    for metric, axes in zip(metrics, panels, strict=True):
        for i, (label, found) in enumerate(shifts.items()):
            known = [(drawn.index(v.variant), v.difference) for v in found.variants if v.variant in drawn]
            known = [(place, of) for place, of in known if metric in of]
            place = np.array([place for place, _ in known]) + 0.7 * ((i + 0.5) / len(shifts) - 0.5)
            values = [of[metric].value for _, of in known]
            errors = [of[metric].error or 0.0 for _, of in known]
            axes.errorbar(values, place, xerr=errors, **points(i), ms=4, lw=1.2, label=plain_text(label))
        axes.axvline(0, color="#8a8a8a", linestyle=":", linewidth=1)
        for edge in range(len(drawn) - 1):
            axes.axhline(edge + 0.5, color="#8a8a8a", linestyle=":", linewidth=0.5)
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        axes.set_yticks(range(len(drawn)), [plain_text(v) for v in drawn] if axes is panels[0] else [])
        axes.tick_params(axis="y", which="both", length=0)
        axes.locator_params(axis="x", nbins=5)
        of, suffix = shown(metric), f" [{text}]" if (text := in_unit(metric, unit)) else ""
        heading = re.sub("ε_(.)", r"ε$_\\mathrm{\1}$", of.heading if of else plain_text(metric))
        axes.set_xlabel(f"Δ {heading}" + (plain_text(suffix) if suffix else ""))
    _legend(figure, panels)
    meaning = _MEANING if any("_efficiency_at_" in metric for metric in metrics) else ""
    text = f"Differences from nominal events, with the errors of differences. {meaning}".strip()
    return picture(
        figure, name, text + _first_of(len(variants), "variants", _MOST_VARIANTS), wide=len(metrics) > 1
    )


def _class_panels(classes: Sequence[str]) -> tuple[Any, list[Any]]:
    """A panel for each class, titled with it: up to four in a row, then in two rows or three."""
    n = min(len(classes), _MOST_PANELS)
    figure, panels = new_panels(n, n if n <= 4 else min(5, -(-n // 2)), _PANEL)
    for axes, of in zip(panels, classes, strict=False):
        axes.set_title(plain_text(of))
    return figure, panels


def _label(figure: Any, panels: Sequence[Any], x: str, y: str) -> None:
    """The same labels for all panels, and one legend."""
    figure.supxlabel(x, fontsize="medium")
    figure.supylabel(y, fontsize="medium")
    _legend(figure, panels)


def _legend(figure: Any, panels: Sequence[Any]) -> None:
    handles, labels = panels[0].get_legend_handles_labels()
    longest = max(len(label) for label in labels)
    columns = max(1, min(len(labels), int(figure.get_figwidth() * 12 / (longest + 8))))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def _name_classes(axes: Any, classes: Sequence[str]) -> None:
    names, place = [plain_text(of) for of in classes], range(len(classes))
    if len(classes) <= 3:
        axes.set_xticks(place, names)
        axes.set_yticks(place, names, rotation=90, va="center")
    else:
        axes.set_xticks(place, names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(place, names)
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()


def _rotation(classes: Sequence[str]) -> int:
    return 90 if len(classes) > 3 and max(len(of) for of in classes) > 3 else 0


def _n_components(outputs: Mapping[str, Sequence[Outputs]]) -> int:
    return int(next(iter(outputs.values()))[0].truth.shape[1])


def _left_out(classes: Sequence[str]) -> str:
    return _first_of(len(classes), "classes", _MOST_PANELS)


def _first_of(n: int, what: str, most: int) -> str:
    return f" The first {most} of {n} {what}." if n > most else ""
