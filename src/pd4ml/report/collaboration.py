"""What a collaboration came to, as a table and a picture. The picture loads matplotlib, when it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pd4ml.collaborate.together import ALL, TOGETHER, Collaboration
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
    return deciding_metric(measured[ALL] for measured in found.scores.values())


def collaboration_picture(found: Collaboration, name: str = "collaboration") -> Picture:
    """Loss of the common state by round, and what each model reaches on all test events."""
    import numpy as np

    from pd4ml.report.style import line, new_panels, picture, plain_text

    figure, (left, right) = new_panels(2, 2, (4.2, 3.4))
    learners = list(found.settings["learners"])
    rounds = [row["round"] for row in found.history]
    for i, learner in enumerate(learners):
        left.plot(
            rounds, [row["loss"][learner] for row in found.history], **line(i), lw=1.2, label=plain_text(learner)
        )
    refused = [row["round"] for row in found.history[1:] if not row["accepted"]]
    low, high = left.get_ylim()
    if refused:
        left.plot(
            refused, np.full(len(refused), low), "x", ms=4, color="#7f7f7f", label="not taken", clip_on=False
        )
    left.set(xlabel="round", ylabel="loss on vote events", ylim=(low, high + 0.12 * len(learners) * (high - low)))
    left.xaxis.get_major_locator().set_params(integer=True)
    left.xaxis.minorticks_off()
    left.legend(loc="upper right")
    metric = _metric(found)
    models = list(found.scores)
    values = [found.scores[model][ALL][metric] for model in models]
    places = np.arange(len(models))[::-1]
    for i, (place, value) in enumerate(zip(places, values, strict=True)):
        colour = line(0 if i == 0 else 1)["color"]
        right.errorbar(value.value, place, xerr=value.error or 0.0, fmt="o", ms=4, color=colour, capsize=2)
    said = shown(metric)
    right.set(xlabel=f"{said.plain if said else metric}, all test events", ylim=(-0.7, len(models) - 0.3))
    right.set_yticks(places, [plain_text(model) for model in models])
    right.yaxis.set_tick_params(which="minor", left=False, right=False)
    taken, played = found.accepted
    text = (
        f"{found.settings['strategy']['kind']}: loss on each learner's vote events by round ({taken} of {played} "
    )
    return picture(figure, name, text + "proposals taken), and scores with bootstrap errors.", wide=True)
