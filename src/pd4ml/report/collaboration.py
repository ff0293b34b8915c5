"""What a collaboration came to, as a table and a picture. The picture loads matplotlib, when it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pd4ml.collaborate.scores import ALL
from pd4ml.collaborate.together import TOGETHER, Collaboration
from pd4ml.metrics.measurement import Measurement
from pd4ml.report.rows import Column, Row, Table, measured_cell
from pd4ml.report.shown import deciding_metric, shown

if TYPE_CHECKING:
    from pd4ml.report.style import Picture

__all__ = ["collaboration_picture", "collaboration_table"]


def collaboration_table(found: Collaboration) -> Table:
    """The metric that decides, of each model on each learner's test events and on all of them."""
    metric = _metric(found)
    tests = list(found.scores[TOGETHER])
    rows = tuple(
        Row(model, tuple(measured_cell(metric, measured[test].get(metric)) for test in tests))
        for model, measured in found.scores.items()
    )
    columns = tuple(Column.of(f"{test} events" if test == ALL else test) for test in tests)
    taken, rounds = found.accepted
    kind = found.settings["strategy"]["kind"]
    said = shown(metric)
    title = (
        f"{said.plain if said else metric} on whose test events; {kind}: {taken} of {rounds} proposals were taken"
    )
    return Table(title, columns, rows, first="model")


def _metric(found: Collaboration) -> str:
    return deciding_metric(measured for measured, _ in _shown(found).values())


def _shown(found: Collaboration) -> dict[str, tuple[Mapping[str, Measurement], bool]]:
    """Metrics of each model on all test events, and whether it is the common one.

    Of a collaboration between machines there are only those of the common model on each group's test events.
    """
    if ALL in found.scores[TOGETHER]:
        return {model: (measured[ALL], model == TOGETHER) for model, measured in found.scores.items()}
    return {test: (measured, True) for test, measured in found.scores[TOGETHER].items()}


def collaboration_picture(found: Collaboration, name: str = "collaboration") -> Picture:
    """Loss of the common state by round, and what models reach on test events."""
    from pd4ml.report.style import house_style, new_panels, picture

    with house_style():
        figure, (left, right) = new_panels(2, 2, (4.2, 3.4))
        _draw_rounds(left, found)
        _draw_scores(right, found)
        taken, rounds = found.accepted
        kind = found.settings["strategy"]["kind"]
        return picture(
            figure,
            name,
            f"{kind}: loss on each learner's vote events by round ({taken} of {rounds} proposals taken), and "
            "scores on test events with bootstrap errors.",
            wide=True,
        )


def _draw_rounds(axes: Any, found: Collaboration) -> None:
    from pd4ml.report.style import line, plain_text

    rounds = [row["round"] for row in found.history]
    learners = list(found.settings["learners"])
    for i, learner in enumerate(learners):
        losses = [row["loss"][learner] for row in found.history]
        axes.plot(rounds, losses, **line(i), lw=1.2, label=plain_text(learner))
    low, high = axes.get_ylim()
    if refused := [row["round"] for row in found.history[1:] if not row["accepted"]]:
        axes.plot(refused, [low] * len(refused), "x", ms=4, color="#7f7f7f", label="not taken", clip_on=False)
    axes.set(xlabel="round", ylabel="loss on vote events", ylim=(low, high + 0.12 * len(learners) * (high - low)))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.minorticks_off()
    axes.legend(loc="upper right")


def _draw_scores(axes: Any, found: Collaboration) -> None:
    from pd4ml.report.style import line, plain_text

    metric, models = _metric(found), _shown(found)
    places = range(len(models))[::-1]
    for place, (measured, common) in zip(places, models.values(), strict=True):
        if (value := measured.get(metric)) is None:  # nothing that all have decides
            continue
        colour = line(0 if common else 1)["color"]
        axes.errorbar(value.value, place, xerr=value.error or 0.0, fmt="o", ms=4, color=colour, capsize=2)
    said = shown(metric)
    axes.set(xlabel=f"{said.plain if said else metric}, test events", ylim=(-0.7, len(models) - 0.3))
    axes.set_yticks(list(places), [plain_text(model) for model in models])
    axes.yaxis.set_tick_params(which="minor", left=False, right=False)
