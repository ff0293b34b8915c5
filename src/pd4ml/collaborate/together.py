"""One model of many groups, and what it is worth: beside each group's own and one of all events in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pd4ml.arguments import as_name, as_path, as_whole
from pd4ml.benchmark.record import now, versions
from pd4ml.benchmark.schema import check_schema
from pd4ml.collaborate.rounds import Books, play_rounds, play_watched
from pd4ml.collaborate.scores import scores_of
from pd4ml.collaborate.strategies import FedAvg, Learner, Strategy, make_strategy
from pd4ml.collaborate.weights import State, from_bytes, state_digest, to_bytes
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, missing_extra, one_line
from pd4ml.metrics.measurement import Measurement
from pd4ml.progress import progress
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.atomic import write_bytes, write_text
from pd4ml.storage.lock import one_writer
from pd4ml.storage.small import read_json
from pd4ml.training.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from pd4ml.collaborate.network import NetworkLearner
    from pd4ml.collaborate.privacy import Privacy

__all__ = [
    "COLLABORATION_NAME",
    "ENGINES",
    "SPLITS",
    "Collaboration",
    "collaborate",
    "groups_of",
    "read_collaboration",
    "settings_of",
    "write_collaboration",
]

COLLABORATION_NAME = "collaboration.json"
SPLITS = ("equal", "skewed", "variants")
ENGINES = ("process", "nvflare")
TOGETHER, POOLED, ALONE = "together", "pooled", "alone"
_FORMAT, _SECRET = 1, "secret"


@dataclass(frozen=True)
class Collaboration:
    """What a collaboration came to.

    Parameters
    ----------
    folder : Path
        Where it is kept: ``collaboration.json``, ``model/`` (of all), a folder for each learner with its ledger.
    settings : Mapping[str, Any]
        Dataset, recipe, strategy, rounds, seed, and of each learner its sample and number of events.
    history : list[dict[str, Any]]
        Round by round, from 0 (before the first): whether the proposal was taken, who proposed, the votes, and the
        loss of the common state on each learner's vote events.
    scores : Mapping[str, Mapping[str, Mapping[str, Measurement]]]
        Of the common model (``together``), of each learner's own (``alone NAME``) and of one of all events in one
        place (``pooled``): metrics on each learner's test split and on all of them (``all``).
    """

    folder: Path
    settings: Mapping[str, Any]
    history: list[dict[str, Any]]
    scores: Mapping[str, Mapping[str, Mapping[str, Measurement]]]

    def __repr__(self) -> str:
        taken, rounds = self.accepted
        return f"<collaboration of {len(self.settings['learners'])} learners: {taken} of {rounds} proposals taken>"

    @property
    def accepted(self) -> tuple[int, int]:
        """How many proposals were taken, and of how many."""
        return sum(bool(row["accepted"]) for row in self.history), len(self.history) - 1


def groups_of(
    dataset: type[Dataset],
    path: str | Path,
    n: int,
    split: str,
    *,
    source: str = "generated",
    variants: Sequence[str] = (),
    by: str = "",
    skew: float = 0.8,
    seed: int = 0,
) -> dict[str, Sample]:
    """Samples that stand for groups, by name.

    Parameters
    ----------
    dataset : type[Dataset]
        What all have.
    path : str or Path
        The folder that holds the datasets.
    n : int
        How many groups.
    split : str
        ``equal``: parts of one sample that are alike. ``skewed``: parts that differ in ``by``. ``variants``: the
        simulations of different groups.
    source : str
        Of the events.
    variants : Sequence[str]
        For ``variants``: which; the card's first ones if none are given.
    by : str
        For ``skewed``: an array with a number for each event, extras included; the target if not given.
    skew : float
        For ``skewed``: from 0, alike, to 1, each has its own range of ``by``.
    seed : int
        Of the parts.

    Returns
    -------
    dict[str, Sample]
        One for each group; nothing is read.

    Raises
    ------
    DataError
        For fewer than two groups, or more than there are variants.
    """
    n = as_whole("learners", n, 2)
    if as_name("split", split, SPLITS) == "variants":
        chosen = list(variants or dataset.card.variants)[: None if variants else n]
        if len(chosen) != n:
            raise DataError(f"{dataset.name} has {len(chosen)} variants for {n} learners: {', '.join(chosen)}")
        return {name: dataset.at(path, source=source, variant=name) for name in chosen}
    sample = dataset.at(path, source=source, variant=variants[0] if variants else "default")
    by = (by or dataset.card.target.name) if split == "skewed" else ""
    parts = sample.shards(n, by=by, skew=skew if by else 0.0, seed=seed)
    return {f"group_{i}": part for i, part in enumerate(parts, 1)}


def collaborate(
    samples: Mapping[str, Sample],
    recipe: Recipe | str,
    strategy: Strategy | str = "vote",
    *,
    rounds: int = 20,
    folder: str | Path,
    seed: int = 1,
    epochs: int = 1,
    threads: int = 1,
    compare: bool = True,
    privacy: Privacy | None = None,
    engine: str = "process",
) -> Collaboration:
    """Train one model of many groups, none of which shows its events to another.

    Features are fitted by the first learner, whose few numbers go along with the starting weights. A collaboration
    that is stopped goes on from its ledgers, with the same result.

    Parameters
    ----------
    samples : Mapping[str, Sample]
        Each group's own, by the name of its learner, all of one dataset.
    recipe : Recipe or str
        Of a network; ``validation_fraction`` is the part that votes.
    strategy : Strategy or str
        How a round is played; see `pd4ml.collaborate.make_strategy`.
    rounds : int
        How many.
    folder : str or Path
        Where it is kept.
    seed : int
        Of everything.
    epochs : int
        Of one proposal.
    threads : int
        That work.
    compare : bool
        Also train each learner alone, and one model on all events, for as many rounds, without privacy.
    privacy : Privacy, optional
        What the proposals of a learner may tell about an event. It holds for the weights that are proposed, not
        for votes, nor for what the first learner fits.
    engine : str
        ``process``: this one plays all learners. ``nvflare``: each is a process of its own on this machine, and a
        server asks them over mutual TLS, as between machines. The result is the same.

    Returns
    -------
    Collaboration
        Scores, history, and where the common model is.

    Raises
    ------
    DataError
        For samples of different datasets, recipes without weights to share, and a folder of another collaboration.
    """
    try:
        from pd4ml.collaborate.network import NetworkLearner
    except ImportError as error:
        raise missing_extra("collaborating", "train", error) from error

    rounds, epochs = as_whole("rounds", rounds, 1), as_whole("epochs", epochs, 1)
    seed, threads = as_whole("seed", seed, 0, 2**63 - 1), as_whole("threads", threads, 1)
    datasets = {sample.dataset for sample in samples.values()}
    if len(datasets) != 1 or len(samples) < 2:
        raise DataError(
            f"a collaboration needs two learners or more on one dataset, found {len(samples)} on {len(datasets)}"
        )
    if as_name("engine", engine, ENGINES) == "nvflare" and privacy is not None:
        raise DataError("differential privacy is for the engine process: leave one of the two out")
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, datasets.pop())
    strategy = make_strategy(strategy) if isinstance(strategy, str) else strategy
    learners: list[NetworkLearner] = []
    for name, sample in samples.items():
        view = learners[0].view if learners else None
        learners.append(NetworkLearner(name, sample, recipe, view, seed=seed, epochs=epochs, threads=threads))
    start, folder = learners[0].start(), as_path(folder, "folder")
    told = {"dataset": learners[0].sample.card.name, "recipe": recipe.to_dict(), "seed": seed, "epochs": epochs}
    facts = {one.name: one.facts for one in learners}
    settings = settings_of(told, strategy, facts, start, learners[0].view)
    if privacy is not None:
        settings["privacy"] = {**asdict(privacy), "rounds": rounds}
    folder.mkdir(parents=True, exist_ok=True)
    with one_writer(folder, f"another process works on {folder}"):
        if engine == "nvflare":
            state, history = _play_between_processes(learners, strategy, start, rounds, folder, settings)
        else:
            books = Books(folder, [one.name for one in learners], strategy, settings)
            if privacy is not None:
                settings["spent"] = _keep_private(learners, privacy, strategy, rounds, folder)
            state, history = play_watched(learners, strategy, start, rounds, books)
        for one in learners:
            one.private = None
        states = {TOGETHER: state}
        if compare:
            states |= _ends(learners, start, rounds, folder)
        found = Collaboration(folder, {**settings, "rounds": rounds}, history, scores_of(learners, states))
        (folder / "model").mkdir(exist_ok=True)
        learners[0].fitted(state).save(folder / "model")
        write_collaboration(found)
    return found


def settings_of(
    told: Mapping[str, Any], strategy: Strategy, learners: Mapping[str, Any], start: State, view: FeatureView
) -> dict[str, Any]:
    """What a collaboration is: ``told`` (dataset, recipe, seed, epochs), rules, facts about learners' events."""
    rules = {"kind": strategy.kind, **asdict(strategy)}
    given = {"strategy": rules, "learners": dict(learners), "start": state_digest(start), "features": view.sha256}
    return {**told, **given}


def _play_between_processes(
    learners: Sequence[NetworkLearner],
    strategy: Strategy,
    start: State,
    rounds: int,
    folder: Path,
    settings: Mapping[str, Any],
) -> tuple[State, list[dict[str, Any]]]:
    from pd4ml.collaborate.wire.hub import RemoteLearner, SharedBooks
    from pd4ml.collaborate.wire.processes import local_hub

    with local_hub(folder, learners) as hub:
        books = SharedBooks(hub, folder, strategy, settings)
        players = [RemoteLearner(books, one.name, one.n_train, start) for one in learners]
        return play_watched(players, strategy, start, rounds, books)


def _keep_private(
    learners: Sequence[NetworkLearner], privacy: Privacy, strategy: Strategy, rounds: int, folder: Path
) -> dict[str, float]:
    """Epsilon of each learner after all rounds, by the number of its turns."""
    from pd4ml.collaborate.privacy import secret_of

    spent = {}
    for place, one in enumerate(learners):
        most = strategy.proposals(len(learners), rounds)
        turns = most if most == rounds else len(range(place, rounds, len(learners)))
        budget = one.keep_private(privacy, secret_of(folder / one.name / _SECRET), most)
        spent[one.name] = budget.spent(turns)
    return spent


def _ends(learners: Sequence[NetworkLearner], start: State, rounds: int, folder: Path) -> dict[str, State]:
    """What each learner comes to alone, and what could be had of all events in one place; kept once there."""
    from pd4ml.collaborate.network import PooledLearner

    states: dict[str, State] = {}
    players: list[tuple[str, Learner, Path]] = [
        (f"{ALONE} {one.name}", one, folder / one.name / "alone.npz") for one in learners
    ]
    with progress("training alone and on all", len(players) + 1, "models") as bar:
        for name, player, file in [*players, (POOLED, PooledLearner(learners), folder / "pooled.npz")]:
            file = file.with_stem(f"{file.stem}-{rounds}")
            if file.exists():
                states[name] = from_bytes(file.read_bytes(), start)
            else:
                states[name] = play_rounds([player], FedAvg(), start, rounds)
                write_bytes(file, to_bytes(states[name]))
            bar.advance()
    return states


def write_collaboration(found: Collaboration) -> None:
    """Write ``collaboration.json`` into its folder."""
    scores = {
        model: {test: {name: asdict(m) for name, m in measured.items()} for test, measured in tests.items()}
        for model, tests in found.scores.items()
    }
    body = {
        "format": _FORMAT,
        "created": now(),
        "versions": versions(),
        "settings": dict(found.settings),
        "history": found.history,
        "scores": scores,
    }
    write_text(found.folder / COLLABORATION_NAME, json.dumps(body, indent=1) + "\n")


def read_collaboration(folder: str | Path) -> Collaboration:
    """What a finished collaboration left.

    Parameters
    ----------
    folder : str or Path
        Its folder.

    Returns
    -------
    Collaboration
        As `collaborate` gave it.

    Raises
    ------
    DataError
        If there is none, or of another format.
    """
    folder = as_path(folder, "folder")
    file = folder / COLLABORATION_NAME
    try:
        body = read_json(file)
        check_schema(body, "pd4ml.collaborate", "collaboration.schema.json")
        _check_names(body)
        scores = {
            model: {
                test: {name: Measurement(**m) for name, m in measured.items()} for test, measured in tests.items()
            }
            for model, tests in body["scores"].items()
        }
        return Collaboration(folder, dict(body["settings"]), list(body["history"]), scores)
    except OSError as error:
        raise DataError(f"{folder} holds no finished collaboration: {error}") from error
    except ValueError as error:
        raise DataError(f"{file} is no collaboration's record: {one_line(str(error), 200)}") from error


def _check_names(body: Mapping[str, Any]) -> None:
    """DataError where rounds or models leave out what others have."""
    learners, tests = set(body["settings"]["learners"]), set(body["scores"][TOGETHER])
    if any(learners - set(row["loss"]) for row in body["history"]):
        raise DataError("a round has not the loss of every learner")
    if any(tests - set(measured) for measured in body["scores"].values()):
        raise DataError(f"a model has no scores on test events that {TOGETHER} has")
