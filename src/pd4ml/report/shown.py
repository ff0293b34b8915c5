"""Which metrics tables show, in what order, under which headings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

__all__ = ["REJECTION_NOTE", "Shown", "deciding_metric", "in_unit", "shown", "shown_metrics", "shown_of_classes"]

REJECTION_NOTE = (
    "1/eps_B(x) is the background rejection at signal efficiency x; > is a lower limit (95 %), * rests on about "
    "four background events or fewer."
)

# The number that decides; the first that all records have.
_DECIDES = ("auc", "auc_macro", "iou_macro", "mse")
_POINTS = (0.3, 0.5, 0.8)
# Components of a vector beyond these are in the records and not in tables.
_MOST_COMPONENTS = 3


@dataclass(frozen=True)
class Shown:
    """A metric's heading on a page, on a terminal and in LaTeX; whether more is better; its power of the unit."""

    heading: str
    plain: str
    latex: str
    falling: bool = False
    power: int = 0


def _same(text: str, *, falling: bool = False, power: int = 0) -> Shown:
    return Shown(text, text, text, falling, power)


def deciding_metric(measured: Iterable[Collection[str]]) -> str:
    """The metric that models are ranked by, of the names that each record has; empty if there is none."""
    known = list(measured)
    return next((name for name in _DECIDES if all(name in names for names in known)), "")


# In the order of their columns. 1/eps_B(x) is the background rejection at signal efficiency x; eps_S(x) and
# eps_B(x) are efficiencies at the threshold that has signal efficiency x on nominal events.
_METRICS = {
    "accuracy": _same("ACC", falling=True),
    "auc": _same("AUC", falling=True),
    **{
        f"background_rejection_{x}": Shown(
            f"1/ε_B({x})", f"1/eps_B({x})", rf"$1/\varepsilon_B(\varepsilon_S={x})$", falling=True
        )
        for x in _POINTS
    },
    **{
        f"{name}_efficiency_at_{x}": Shown(
            f"ε_{s}({x})", f"eps_{s}({x})", rf"$\varepsilon_{s}({x})$", falling=more
        )
        for x in _POINTS
        for name, s, more in (("signal", "S", True), ("background", "B", False))
    },
    "efficiency": _same("efficiency", falling=True),
    "purity": _same("purity", falling=True),
    "iou": _same("IoU", falling=True),
    "log_loss": _same("log loss"),
    "calibration_error": _same("calibration error"),
    "mse": _same("MSE", power=2),
    "mae": _same("MAE", power=1),
    "bias": _same("bias", power=1),
    "resolution": _same("resolution", power=1),
    "nll": _same("NLL"),
    "crps": _same("CRPS", power=1),
    "coverage": _same("coverage"),
    "half_width": _same("half width", power=1),
    "pull_mean": _same("pull mean"),
    "pull_width": _same("pull width"),
}
# What only a page has room for.
_DETAILS = ("log_loss", "calibration_error", "half_width", "pull_mean")


def shown(name: str) -> Shown | None:
    """How a metric is shown: ``auc``, ``auc_macro``, ``auc_class_0``, ``bias_0``; None if it is not."""
    if name in _METRICS:
        return _METRICS[name]
    found = re.fullmatch(r"(.+?)_(macro|class_\d+|\d+)", name)
    if found is None or found[1] not in _METRICS:
        return None
    base, suffix = _METRICS[found[1]], found[2]
    if suffix.startswith("class"):
        return base
    suffix = " (macro)" if suffix == "macro" else f" {suffix}"
    return replace(base, heading=base.heading + suffix, plain=base.plain + suffix, latex=base.latex + suffix)


def shown_metrics(measured: Iterable[str], *, details: bool) -> list[str]:
    """Those of ``measured`` that have a column, in order.

    ``details`` adds losses, calibration and more of predicted spreads, and bias and resolution of the first
    components of vectors.
    """
    there = set(measured)
    names = [
        name
        for base in _METRICS
        if details or base not in _DETAILS
        for name in (base, f"{base}_macro")
        if name in there
    ]
    components = [f"{base}_{d}" for d in range(_MOST_COMPONENTS) for base in ("bias", "resolution")]
    return names + [name for name in components if details and name in there]


def shown_of_classes(measured: Iterable[str]) -> list[str]:
    """Metrics that ``measured`` has class by class, without their ``_class_<k>``, in order."""
    there = set(measured)
    return [base for base in _METRICS if f"{base}_class_0" in there]


def in_unit(name: str, unit: str) -> str:
    """The unit of a metric of a target in ``unit``; empty if it has none."""
    power = 0 if unit == "1" or (of := shown(name)) is None else of.power
    return {0: "", 1: unit, 2: f"({unit})²"}[power]
