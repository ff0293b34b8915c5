"""What cuts on scores do to a quantity: a table, and the plot of rejection against 1/JSD."""

from __future__ import annotations

from collections.abc import Mapping

from pd4ml.card import Measurement
from pd4ml.metrics.decorrelation import EFFICIENCIES
from pd4ml.report.rows import Column, Row, Table, measured_cell
from pd4ml.report.style import Picture, new_figure, picture, plain_text, points

__all__ = ["sculpting_picture", "sculpting_table"]

_CUTS = {"rejection": "R", "inverse_jsd": "1/JSD", "inverse_jsd_limit": "limit"}
_COLUMNS = {
    "auc": "AUC",
    **{f"{name}_{at}": f"{short}, ε_S = {at}" for at in EFFICIENCIES for name, short in _CUTS.items()},
    "ks_0": "KS, background",
    "ks_1": "KS, signal",
}

_DISTINCT = 6  # colours and shapes; points of further scores are open

Sculpting = Mapping[str, Mapping[str, Measurement]]


def sculpting_table(title: str, measured: Sculpting) -> Table:
    """A row for each score, with what `pd4ml.metrics.decorrelation.sculpting` measures."""
    columns = tuple(Column.of(heading, falling=not name.startswith("ks")) for name, heading in _COLUMNS.items())
    rows = tuple(
        Row(label, tuple(measured_cell(name, found.get(name)) for name in _COLUMNS))
        for label, found in measured.items()
    )
    return Table(title, columns, rows, first="score")


def sculpting_picture(name: str, measured: Sculpting, quantity: str) -> Picture:
    """Background rejection against 1/JSD of ``quantity`` at each working point, with errors."""
    figure, axes = new_figure(columns=len(EFFICIENCIES))
    for ax, at in zip(axes, EFFICIENCIES, strict=True):
        for i, (label, found) in enumerate(measured.items()):
            x, y = found.get(f"inverse_jsd_{at}"), found.get(f"rejection_{at}")
            if x is not None and y is not None:
                style = {**points(i), "ms": 5, "lw": 1.2, **({"mfc": "none"} if i >= _DISTINCT else {})}
                ax.errorbar(x.value, y.value, y.error, x.error, **style, label=plain_text(label))
        limits = [limit.value for found in measured.values() if (limit := found.get(f"inverse_jsd_limit_{at}"))]
        if limits:
            mean = sum(limits) / len(limits)
            ax.axvline(mean, color="#8a8a8a", linestyle=":", linewidth=1, label="limit, mean of the scores")
        ax.set(xscale="log", yscale="log", xlabel=plain_text(f"1/JSD of {quantity} [1/bit]"))
        ax.xaxis.set_minor_formatter("")
        ax.set(ylabel="background rejection 1/ε$_\\mathrm{B}$", title=f"ε$_\\mathrm{{S}}$ = {at}")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))  # beside, where no point is
    text = (
        "Rejection against what a cut leaves of the background's shape. Errors: bootstrap. Dotted: the limit of "
        "so many events, where the quantity is shuffled; each score has its own, this is their mean."
    )
    return picture(figure, name, text, wide=True)
