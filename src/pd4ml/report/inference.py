"""What an inference came to, as a table and a picture. The picture loads matplotlib, when it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pd4ml.card import Measurement
from pd4ml.report.numbers import format_measurement
from pd4ml.report.rows import ABSENT, Cell, Column, Row, Table

if TYPE_CHECKING:
    from pd4ml.report.style import Picture

__all__ = ["inference_picture", "inference_table"]

_LABELS = {"known": "known kinds", "template": "template fit"}


def inference_table(body: Mapping[str, Any]) -> Table:
    """A row for each size of sets: widths, information, and whether posteriors are right."""
    references = [name for name in _LABELS if name in body["sizes"][0]]
    headings = ("width", *(f"{_LABELS[name]}" for name in references), "error", "information")
    columns = [Column.of(text) for text in (*headings, "68 %", "90 %", "p of ranks", "pool")]
    rows = []
    for entry in body["sizes"]:
        cells = [_cell(entry["width"]), *(_cell(entry[name]["width"]) for name in references)]
        cells += [_cell(entry["error"]), _cell(entry["information"])]
        cells += [_cell(entry["coverage"].get(level)) for level in ("0.68", "0.9")]
        cells += [Cell(f"{entry['calibration']['p_value']:.2g}"), Cell(f"{entry['pool']:.2f}")]
        rows.append(Row(f"{entry['events']:,}", tuple(cells)))
    note = (
        "Means over pseudo-experiments. Information is in nats, p of ranks that of simulation-based calibration; "
        "pool: how far the finite number of events behind the sets may move a posterior, in units of its width"
    )
    return Table(f"posterior of {body['parameter']}", tuple(columns), tuple(rows), first="events", note=note)


def _cell(value: Mapping[str, Any] | None) -> Cell:
    return Cell(ABSENT) if value is None else Cell(format_measurement(Measurement(value["value"], value["error"])))


def inference_picture(body: Mapping[str, Any], name: str = "inference") -> Picture:
    """How the posterior's width falls with the number of events, and the ranks of the largest sets."""
    from pd4ml.report.style import house_style, new_panels, picture

    with house_style():
        figure, (left, right) = new_panels(2, 2, (4.2, 3.4))
        _draw_widths(left, body)
        _draw_ranks(right, body["sizes"][-1])
        caption = (
            f"Posterior of {body['parameter']}: its mean width by the number of events, and the rank of the truth "
            "among samples of the largest sets, uniform where posteriors are right (band: one standard deviation)."
        )
        return picture(figure, name, caption, wide=True)


def _draw_widths(axes: Any, body: Mapping[str, Any]) -> None:
    from pd4ml.report.style import line, plain_text, points

    entries = body["sizes"]
    sizes = np.array([entry["events"] for entry in entries], float)
    for i, reference in enumerate(name for name in _LABELS if name in entries[0]):
        widths = [entry[reference]["width"]["value"] for entry in entries]
        axes.plot(sizes, widths, **line(i + 1), label=_LABELS[reference])
    widths, errors = ([entry["width"][what] for entry in entries] for what in ("value", "error"))
    axes.errorbar(sizes, widths, errors, **points(0), capsize=3, label="posterior")
    axes.set(xscale="log", yscale="log", xlabel="events", ylabel=plain_text(f"width in {body['parameter']}"))
    axes.legend()


def _draw_ranks(axes: Any, entry: Mapping[str, Any]) -> None:
    from pd4ml.report.style import line

    counts = np.array(entry["calibration"]["counts"])
    expected = counts.mean()
    axes.stairs(counts, np.linspace(0, 1, len(counts) + 1), color=line(0)["color"])
    axes.axhspan(expected - expected**0.5, expected + expected**0.5, alpha=0.2, color=line(1)["color"], lw=0)
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="rank of the truth", ylabel="pseudo-experiments")
    axes.set_title(f"sets of {entry['events']:,}, p = {entry['calibration']['p_value']:.2g}")
