"""A collaboration between machines, as the server runs it: without events, recipes or code of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pd4ml.arguments import as_path, as_whole
from pd4ml.collaborate.rounds import play_watched
from pd4ml.collaborate.strategies import Strategy
from pd4ml.collaborate.together import TOGETHER, Collaboration, settings_of, write_collaboration
from pd4ml.collaborate.weights import State, from_bytes, to_bytes
from pd4ml.collaborate.wire.hub import Hub, RemoteLearner, SharedBooks
from pd4ml.collaborate.wire.kits import SERVER, Kit
from pd4ml.collaborate.wire.messages import Message, as_number
from pd4ml.errors import DataError, one_line
from pd4ml.metrics.measurement import Measurement
from pd4ml.sample import FeatureView
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.lock import one_writer

__all__ = ["serve"]

_MOST_EVENTS = 10**15  # of one site; they weigh in means, which are floating-point numbers


def serve(
    kit: str | Path,
    strategy: Strategy,
    *,
    rounds: int = 20,
    seed: int = 1,
    epochs: int = 1,
    folder: str | Path | None = None,
    timeout: float = 600.0,
) -> Collaboration:
    """Run the server and the rounds of a collaboration between machines.

    It waits for all sites; dataset and recipe are those of the first, who fits the features, and a site that has
    others refuses. One that was stopped goes on from its ledger, with the same result.

    Parameters
    ----------
    kit : str or Path
        The server's kit.
    strategy : Strategy
        How a round is played.
    rounds : int
        How many.
    seed : int
        Of the starting weights and of the order of events.
    epochs : int
        Of one proposal.
    folder : str or Path, optional
        Where it is kept; the kit's if not given.
    timeout : float
        Seconds that a site may train or vote; then the round goes on without it.

    Returns
    -------
    Collaboration
        History, and scores of the common model on each site's test events, as sites say.

    Raises
    ------
    DataError
        For a kit that is not the server's, sites that train other things, or a folder of another collaboration.
    """
    found = Kit.read(as_path(kit, "kit"))
    if found.name != SERVER:
        raise DataError(f"{found.folder} is the kit of {found.name}: the server needs that of {SERVER}")
    rounds, epochs = as_whole("rounds", rounds, 1), as_whole("epochs", epochs, 1)
    seed, folder = as_whole("seed", seed, 0, 2**63 - 1), as_path(folder or found.folder, "folder")
    if not timeout > 0:
        raise DataError(f"timeout must be above 0 seconds, found {timeout}")
    folder.mkdir(parents=True, exist_ok=True)
    with one_writer(folder, f"another process works on {folder}", wait=0), Hub(found, folder, timeout) as hub:
        hub.gather()
        job, facts, start = _begun(hub, seed, epochs)
        view = FeatureView.from_json(job.pop("features"))
        settings = settings_of(job, strategy, facts, start, view)
        books = SharedBooks(hub, folder, strategy, settings)
        learners = [RemoteLearner(books, name, facts[name]["events"]["train"], start) for name in found.sites]
        state, history = play_watched(learners, strategy, start, rounds, books)
        write_bytes(folder / "weights.npz", to_bytes(state))
        scores = {TOGETHER: _finish(books, state)}
    made = Collaboration(folder, {**settings, "rounds": rounds}, history, scores)
    write_collaboration(made)
    return made


def _begun(hub: Hub, seed: int, epochs: int) -> tuple[dict[str, Any], dict[str, Any], State]:
    """What all train, each site's facts, and the weights that the first begins with."""
    told = hub.hellos[hub.sites[0]].head
    job: dict[str, Any] = {"dataset": told.get("dataset"), "recipe": told.get("recipe"), "seed": seed}
    job |= {"epochs": epochs, "features": None}
    first = hub.begin(hub.sites[:1], job, start=True)[hub.sites[0]]
    job["features"] = str(first.head.get("features"))
    hub.jobs[hub.sites[0]] = job
    replies = {hub.sites[0]: first, **hub.begin(hub.sites[1:], job)}
    facts = {name: reply.head.get("facts") for name, reply in replies.items()}
    for name, one in facts.items():
        counts = one.get("events") if isinstance(one, dict) else None
        train = counts.get("train") if isinstance(counts, dict) else None
        if type(train) is not int or not 1 <= train <= _MOST_EVENTS:
            raise DataError(f"{name} does not say how many events it has")
    return dict(job), facts, from_bytes(first.blob)


def _finish(books: SharedBooks, state: State) -> dict[str, dict[str, Measurement]]:
    """Give sites the common model; what it is worth on the test events of those that answer."""
    hub, blob, rounds = books.hub, to_bytes(state), len(books.decisions)

    def ask(site: str) -> Message:
        books.catch_up(site)
        return hub.ask(site, "finish", blob, timeout=hub.timeout, round=rounds)

    asked = {site: hub.pool.submit(ask, site) for site in hub.sites}
    found: dict[str, dict[str, Measurement]] = {}
    for site, answer in asked.items():
        try:
            measured = answer.result().head.get("metrics")
            found[site] = {one_line(n, 60): _measurement(m) for n, m in dict(measured or {}).items()}
            hub.ask(site, "bye")
        except (DataError, TypeError, ValueError):
            continue
    return found


def _measurement(told: Mapping[str, object]) -> Measurement:
    """A measurement as a site says it."""
    measured = Measurement(**told)  # type: ignore[arg-type]
    as_number(measured.value, "value")
    if measured.error is not None:
        as_number(measured.error, "error")
    return measured
