"""What states are worth on the test events of learners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.benchmark.outcome import predictions_of
from pd4ml.collaborate.weights import State
from pd4ml.evaluation.truth import Truth, events_truth
from pd4ml.metrics.by_task import metrics
from pd4ml.metrics.measurement import Measurement

if TYPE_CHECKING:
    from pd4ml.collaborate.network import NetworkLearner

__all__ = ["ALL", "scores_of"]

ALL = "all"


def scores_of(
    learners: Sequence[NetworkLearner], states: Mapping[str, State]
) -> dict[str, dict[str, dict[str, Measurement]]]:
    """Metrics of states, by name, on each learner's test split and on all of them together (``all``)."""
    tests = {one.name: one.sample.open("test") for one in learners}
    card = learners[0].sample.card
    truths = {name: events_truth(card, events) for name, events in tests.items()}
    found = {}
    for name, state in states.items():
        fitted, outputs = learners[0].fitted(state), {}
        for test, truth in truths.items():
            made = predictions_of(fitted, tests[test])
            outputs[test] = made.output[truth.places(made.event_id, len(made), made.node)]
        found[name] = {test: _metrics([truths[test]], [outputs[test]]) for test in tests}
        found[name][ALL] = _metrics(list(truths.values()), list(outputs.values()))
    return found


def _metrics(truths: list[Truth], outputs: list[NDArray[Any]]) -> dict[str, Measurement]:
    group, weight = None, None
    if truths[0].group is not None:  # those of different samples are different groups
        codes = [np.unique(truth.group, return_inverse=True)[1] for truth in truths if truth.group is not None]
        first = np.cumsum([0, *(code.max(initial=-1) + 1 for code in codes)])
        group = np.concatenate([code + shift for code, shift in zip(codes, first[:-1], strict=True)])
    if truths[0].weight is not None:
        weight = np.concatenate([truth.weight for truth in truths if truth.weight is not None])
    values = np.concatenate([truth.values for truth in truths])
    return metrics(truths[0].task, np.concatenate(outputs), values, group=group, weight=weight)
