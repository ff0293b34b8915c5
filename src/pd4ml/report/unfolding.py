"""What an unfolding found: a table of all methods, and spectra with their truth. Only drawing loads matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pd4ml.card import Measurement
from pd4ml.report.numbers import format_measurement
from pd4ml.report.rows import ABSENT, Cell, Column, Row, Table

if TYPE_CHECKING:
    from pd4ml.report.style import Picture

__all__ = ["draw_unfolding", "unfolding_table"]

_TESTS = ("closure", "stress")
_HEADINGS = ("method", "data", "floor", "chi2/bins", *_TESTS, "bottom line")
_NOTE = (
    "Triangular discriminators x 10^3 against the truth, before -> after; floor: what two samples of one "
    "spectrum of these sizes have on average. Bottom line: chi square of the simulation's truth at detector level "
    "-> after unfolding, which should not be more"
)


def unfolding_table(body: Mapping[str, Any]) -> Table:
    """A row for each observable and method of what ``pd4ml unfold`` wrote."""
    rows = [
        Row(f"{of['name']} [{of['unit']}]", _cells(name, of, found))
        for of in body["observables"]
        for name, found in of["methods"].items()
    ]
    columns = tuple(Column.of(name, left=name == "method") for name in _HEADINGS)
    return Table("", columns, tuple(rows), first="observable", note=_NOTE, n_names=2)


def _cells(name: str, of: dict[str, Any], found: dict[str, Any]) -> tuple[Cell, ...]:
    measured = Measurement(found["triangular"]["value"], found["triangular"]["error"])
    texts = [
        name,
        f"{of['start']:.3g} -> {format_measurement(measured)}",
        f"{of['floor']:.2g}",
        _per_bin(found["chi2"]),
        *(f"{found[test]['before']:.3g} -> {found[test]['after']:.3g}" for test in _TESTS),
    ]
    if (line := found["bottom_line"]) is not None:
        texts.append(f"{line['detector']['value']:.3g} -> {line['particle']['value']:.3g}")
    return tuple(Cell(text) for text in (*texts, *[ABSENT] * (len(_HEADINGS) - len(texts))))


def _per_bin(found: dict[str, Any] | None) -> str:
    return ABSENT if found is None else f"{found['value'] / found['bins']:.3g}"


def draw_unfolding(body: Mapping[str, Any], prefix: str = "unfolding-") -> dict[str, Picture]:
    """A picture for each observable: truth, prior and what each method found, and its ratio to the truth."""
    import numpy as np

    from pd4ml.report.style import house_style, line, new_figure, picture, plain_text, points

    pictures = {}
    for of in body["observables"]:
        edges, truth = np.array(of["edges"]), np.array(of["truth"])
        with house_style():
            figure, (upper, lower) = new_figure(rows=2, size=(4.8, 2.4))
            upper.stairs(truth, edges, color="#8a8a8a", fill=True, alpha=0.35, label="truth of the data")
            upper.stairs(of["prior"], edges, color="#8a8a8a", linewidth=1.4, label="prior of the simulation")
            lower.stairs(_ratio(of["prior"], truth), edges, color="#8a8a8a", linewidth=1.4)
            for i, (name, found) in enumerate(of["methods"].items()):
                values, errors = np.array(found["values"]), np.array(found["errors"])
                offset = (i + 1) / (len(of["methods"]) + 1)
                centre = edges[:-1] + offset * np.diff(edges)
                upper.errorbar(centre, values, errors, **points(i), ms=3, lw=1, label=plain_text(name))
                ratios = (_ratio(values, truth), _ratio(errors, truth))
                lower.errorbar(centre, *ratios, **points(i), ms=3, lw=1)
                upper.stairs(values, edges, **line(i) | {"linewidth": 0.8})
            lower.axhline(1, color="#8a8a8a", linestyle=":", linewidth=1)
            upper.set(ylabel="events per bin")
            upper.legend(loc="best")
            unit = "" if of["unit"] == "1" else f" [{of['unit']}]"
            lower.set(ylabel="ratio to truth", ylim=(0.5, 1.5), xlabel=plain_text(of["name"] + unit))
            text = "Bars: the spread of replicas of data and simulation. The truth is that of pseudo-data."
            pictures[of["name"]] = picture(figure, f"{prefix}{of['name']}", text)
    return pictures


def _ratio(values: Any, truth: Any) -> Any:
    """``values`` over ``truth``, not drawn where the truth is empty."""
    import numpy as np

    return np.divide(values, truth, out=np.full(len(truth), np.nan), where=truth > 0)
