"""How long the cells of a plan that are not finished will take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pd4ml.benchmark.plan import Cell
from pd4ml.tasks import task_of
from pd4ml.training.recipe import TREES

if TYPE_CHECKING:
    from pd4ml.graphs.lazy import LazyGraphs

__all__ = ["TimeLeft", "expected_cost", "time_left_text"]

# What reading an event and all but matrix products cost, in floating-point operations that take as long.
_BESIDES = 1e6
_COUNTED_EVENTS = 8


class TimeLeft:
    """Seconds that are left, from those of finished cells.

    ``costs`` says by name what each cell is expected to cost, in any unit. A cell is expected to take as long as
    the same recipe on the same dataset with another seed; failing that, its cost at the speed of the same recipe
    on other datasets; failing that, at the speed of all networks, which trees say nothing about.
    """

    def __init__(self, costs: Mapping[str, float]) -> None:
        self.costs = costs
        self._seconds: list[tuple[Cell, float]] = []

    def finished(self, cell: Cell, seconds: float) -> None:
        """Say that ``cell`` took ``seconds``."""
        self._seconds.append((cell, seconds))

    def seconds(self, waiting: Iterable[Cell], at_a_time: float = 1.0) -> float | None:
        """Seconds until all of ``waiting`` are finished, ``at_a_time`` together; None while nothing is known."""
        each = []
        for cell in waiting:
            seconds = self._seconds_of(cell)
            if seconds is None:
                return None
            each.append(seconds)
        return max(sum(each) / at_a_time, max(each, default=0.0))

    def _seconds_of(self, cell: Cell) -> float | None:
        same_recipe = [pair for pair in self._seconds if pair[0].recipe.name == cell.recipe.name]
        same = [pair for pair in same_recipe if pair[0].dataset is cell.dataset]
        same_kind = [pair for pair in self._seconds if pair[0].recipe.model != TREES]
        known = same or same_recipe or same_kind
        if not known:
            return None
        speed = sum(seconds for _, seconds in known) / sum(self.costs[other.name] for other, _ in known)
        return speed * self.costs[cell.name]


def expected_cost(cell: Cell, graphs: LazyGraphs) -> float:
    """Floating-point operations of training ``cell`` on ``graphs``, all epochs; roughly.

    Operations are counted in the forward pass of a few events. Raises what building the model raises.
    """
    recipe = cell.recipe
    if recipe.model == TREES:  # most of the time goes into reading the events, once
        return _BESIDES * len(graphs)
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from pd4ml.models.batch import GraphBatch
    from pd4ml.training.network import make_model, model_inputs

    batch = GraphBatch.from_packed(graphs[:_COUNTED_EVENTS])
    with torch.random.fork_rng(devices=[]), torch.no_grad(), FlopCounterMode(display=False) as counter:
        make_model(recipe, model_inputs(graphs, task_of(cell.dataset.card)), cell.seed).eval()(batch)
    per_event: float = counter.get_total_flops() / len(batch) + _BESIDES
    return per_event * len(graphs) * recipe.max_epochs


def time_left_text(seconds: float | None) -> str:
    """For example ``about 4 min left``; nothing if ``seconds`` is None."""
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    hours, minutes = divmod(round(minutes, -1), 60)
    return (
        f"about {hours} h {minutes:02d} min left" if hours < 24 else f"about {round(seconds / 86400, 1)} days left"
    )
