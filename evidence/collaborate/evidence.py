"""Which strategy serves which case: groups with other simulations, with other compositions, with wrong labels.

``python evidence/collaborate/evidence.py [FOLDER]`` generates events into FOLDER (demo/collaborate if none is
given), lets five groups learn together in every way, and keeps the scores in ``numbers.json``, from which
``page.py`` writes the table of docs/how_to/collaborate.md. What is finished is not repeated. An hour of a core.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import pd4ml
from pd4ml.benchmark.outcome import predictions_of
from pd4ml.collaborate import STRATEGIES, Collaboration, collaborate, groups_of, make_strategy
from pd4ml.collaborate.network import NetworkLearner
from pd4ml.collaborate.rounds import play_rounds
from pd4ml.collaborate.strategies import Play
from pd4ml.collaborate.weights import State
from pd4ml.dataset import Dataset
from pd4ml.evaluation.truth import events_truth
from pd4ml.sample import Sample
from pd4ml.training.data import TrainingBatch
from pd4ml.training.recipe import load_recipe

HERE = Path(__file__).parent
RECORD = HERE / "numbers.json"
ROUNDS, SEEDS, GROUPS = 15, (1, 2), 5
OPTIONS: dict[str, dict[str, Any]] = {"fedprox": {"mu": 0.01}}


@dataclass(frozen=True)
class Case:
    """A dataset, how groups differ, and how many events are generated: of each variant, or in all."""

    dataset: type[Dataset]
    split: str
    n_events: int
    metric: str
    variants: tuple[str, ...] = ()
    by: str = ""


CASES = {
    "LArTPC, five simulations": Case(
        pd4ml.LArTPC, "variants", 1500, "auc_macro", ("default", "low_field", "birks", "impure", "absorption_up")
    ),
    "TopTagging, five simulations": Case(
        pd4ml.TopTagging, "variants", 1500, "auc", ("default", "scale_up", "scale_down", "tune_a14", "mpi_off")
    ),
    "TopTagging, five equal parts": Case(pd4ml.TopTagging, "equal", 1500, "auc"),
    "Airshower, other primaries in each part": Case(pd4ml.Airshower, "skewed", 5000, "mse", by="primary"),
}


def groups(case: Case, path: Path, seed: int) -> dict[str, Sample]:
    """The samples, which are generated if they are not there."""
    for number, variant in enumerate(case.variants or ("default",), 1):  # no group has another's events
        case.dataset.generate(path, case.n_events, seed=number, variant=variant)
    return groups_of(
        case.dataset, path, GROUPS, case.split, variants=case.variants, by=case.by, skew=0.8, seed=seed
    )


def one_case(name: str, case: Case, path: Path) -> dict[str, Any]:
    """Scores on all test events by strategy, of learners alone and of all events in one place, for each seed."""
    out: dict[str, Any] = {"metric": case.metric, "scores": {}, "accepted": {}}
    for seed in SEEDS:
        samples = groups(case, path, seed)
        for i, kind in enumerate(STRATEGIES):
            folder = path / "together" / f"{name.replace(', ', '-').replace(' ', '_')}-{kind}-seed{seed}"
            strategy = make_strategy(kind, **OPTIONS.get(kind, {}))
            found = collaborate(
                samples, "fcn_quick", strategy, rounds=ROUNDS, folder=folder, seed=seed, compare=i == 0
            )
            _take(out, found, kind, case.metric)
        out["events"] = found.settings["learners"]
    return out


def _take(out: dict[str, Any], found: Collaboration, kind: str, metric: str) -> None:
    alone = []
    for model, tests in found.scores.items():
        value = tests["all"][metric]
        if model.startswith("alone"):
            alone.append(value.value)
        else:
            out["scores"].setdefault(kind if model == "together" else model, []).append([value.value, value.error])
    if alone:
        out["scores"].setdefault("alone, mean", []).append([float(np.mean(alone)), None])
        best = max(alone) if metric != "mse" else min(alone)
        out["scores"].setdefault("alone, best", []).append([best, None])
    out["accepted"].setdefault(kind, []).append(found.accepted)


class Flipped(NetworkLearner):
    """A learner with the wrong label for every event: it trains and votes by them."""

    def _batches(self, epoch: int) -> Iterator[TrainingBatch]:
        return (replace(batch, target=1 - batch.target) for batch in super()._batches(epoch))

    def vote(self, proposal: Any, current: Any) -> Any:
        """The opposite of an honest one's."""
        ballot = super().vote(proposal, current)
        return replace(ballot, change=-ballot.change)


def flipped(path: Path) -> dict[str, Any]:
    """Five equal parts of TopTagging, of which one has flipped labels; scores on the test events of the honest."""
    case, out = CASES["TopTagging, five equal parts"], dict[str, Any]()
    out |= {"metric": "auc", "scores": {}, "accepted": {}}
    for seed in SEEDS:
        learners: list[NetworkLearner] = []
        for i, (name, sample) in enumerate(groups(case, path, seed).items()):
            kind = Flipped if i == GROUPS - 1 else NetworkLearner
            view = learners[0].view if learners else None
            recipe = load_recipe("fcn_quick", case.dataset)
            learners.append(kind(name, sample, recipe, view, seed=seed))
        for name in STRATEGIES:
            plays: list[bool] = []

            def watch(_round: int, play: Play | None, _state: State, seen: list[bool] = plays) -> None:
                seen.append(play is not None and play.accepted)

            state = play_rounds(
                learners,
                make_strategy(name, **OPTIONS.get(name, {})),
                learners[0].start(),
                ROUNDS,
                watch=watch,
            )
            test = case.dataset.open("test", path, source="generated")
            truth = events_truth(case.dataset.card, test)
            value = truth.metrics(predictions_of(learners[0].fitted(state), test))["auc"]
            out["scores"].setdefault(name, []).append([value.value, value.error])
            out["accepted"].setdefault(name, []).append([sum(plays), ROUNDS])
    return out


def main() -> None:
    """Run all cases, keep the numbers, write the page."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "demo" / "collaborate"
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name, case in CASES.items():
        record[name] = one_case(name, case, path)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    record["TopTagging, one of five with flipped labels"] = flipped(path)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py")], check=True)


if __name__ == "__main__":
    main()
