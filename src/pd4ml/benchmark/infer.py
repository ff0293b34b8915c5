"""A parameter from many events of a dataset: training, pseudo-experiments, what they say, observed events.

Half of the train split trains the encoder, three quarters of the other half the posteriors, the rest says when
they stop; pseudo-experiments are of the test split, none of which was seen before.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_path, as_whole
from pd4ml.benchmark.outcome import dataset_facts
from pd4ml.benchmark.record import now
from pd4ml.errors import DataError, StoreError, missing_extra, unknown_name
from pd4ml.methods.infer import bounds, diagnostics
from pd4ml.methods.infer.sets import Mixtures, Windows
from pd4ml.metrics.measurement import Floats, require_scikit_learn
from pd4ml.sample import Sample
from pd4ml.storage.atomic import write_bytes, write_text
from pd4ml.storage.lock import one_writer
from pd4ml.storage.small import read_json
from pd4ml.storage.store import Events
from pd4ml.training.material import Role, prepare
from pd4ml.training.recipe import TREES, Recipe

if TYPE_CHECKING:
    from pd4ml.benchmark.encoder import Encoder

__all__ = ["INFERENCE_NAME", "Question", "infer", "observe", "read_inference"]

INFERENCE_NAME = "inference.json"
_FORMAT = 1
_SIZES = (1, 10, 50)  # besides the one that is asked for
_QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)


@dataclass(frozen=True)
class Question:
    """What is to be inferred.

    Parameters
    ----------
    array : str
        An array with a number for each event: the target, or an extra, such as a setting that was drawn.
    value : float, optional
        Then the parameter is the share of events that have this value; else it is what the array says, the same
        for all events of a set.
    window : float
        How nearly the same, as a share of the range: sets are made of events in windows.
    """

    array: str
    value: float | None = None
    window: float = 0.05

    @property
    def parameter(self) -> str:
        """In words."""
        return self.array if self.value is None else f"share of {self.array} = {self.value:g}"

    def sets(self, events: Events, index: NDArray[np.int64], ends: Any = None) -> Mixtures | Windows:
        """Sets of the events at ``index``, of which those of a group never are in one set as independent ones."""
        if self.array not in events:
            raise unknown_name("array", self.array, events.manifest.arrays[events.split])
        values = np.asarray(events[self.array])[index]
        if values.ndim != 1 or values.dtype.kind not in "iufb":
            raise DataError(f"{self.array} is not one number an event: it cannot be a parameter")
        name = "" if events.card is None else events.card.group
        group = np.asarray(events[name])[index] if name and name in events else None
        if self.value is None:
            return Windows(values, self.window, group, ends)
        return Mixtures(values == self.value, group)


def infer(
    sample: Sample,
    recipe: Recipe,
    question: Question,
    *,
    n_events: int = 500,
    folder: str | Path,
    n_sets: int = 1000,
    seed: int = 1,
    threads: int | None = 1,
) -> dict[str, Any]:
    """Learn the posterior of a parameter given sets of events, and try it on pseudo-experiments.

    An encoder with the recipe's trunk is trained on sets of one and two, for the recipe's epochs, with its
    learning rate and batches, or boosted trees on single events; then posteriors on means of 1, 10, 50 and
    ``n_events`` events (arXiv:2605.07972).

    Parameters
    ----------
    sample : Sample
        The events, all or a part of them.
    recipe : Recipe
        Of a network, or of trees.
    question : Question
        What is to be inferred.
    n_events : int
        Of the largest sets.
    folder : str or Path
        Where it is kept; one that is finished there is not made again.
    n_sets : int
        Pseudo-experiments of each size.
    seed : int
        Of weights and sets.
    threads : int, optional
        Threads that work; measured for predictions if None.

    Returns
    -------
    dict
        What ``inference.json`` holds: for each size the posteriors' width, what they tell, and whether they are
        right.

    Raises
    ------
    DataError
        For an array that is no parameter.
    StoreError
        If another inference is in the folder.
    """
    folder, n_events = as_path(folder, "folder"), as_whole("events", n_events, 1)
    n_sets, seed = as_whole("sets", n_sets, 100), as_whole("seed", seed, 0)
    require_scikit_learn("pd4ml infer")
    asked = {
        "question": asdict(question),
        "recipe": recipe.to_dict(),
        "seed": seed,
        "sets": n_sets,
        "events": n_events,
        "fingerprint": sample.fingerprint,
    }
    with one_writer(folder, f"another process is making {folder}"):
        if (folder / INFERENCE_NAME).exists():
            found = read_inference(folder)
            if found["asked"] != json.loads(json.dumps(asked)):
                raise StoreError(f"{folder} holds another inference: name another folder with --out, or --force")
            return found
        return _made(sample, recipe, question, asked, folder, threads)


def read_inference(folder: Path) -> dict[str, Any]:
    """What a finished inference left; DataError for anything else."""
    try:
        body = read_json(folder / INFERENCE_NAME)
        if body["format"] == _FORMAT:
            return dict(body)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DataError(f"{folder} holds no inference of format {_FORMAT}: `pd4ml infer DATASET` makes one")


def _made(
    sample: Sample, recipe: Recipe, question: Question, asked: dict[str, Any], folder: Path, threads: int | None
) -> dict[str, Any]:
    """Train, try, write; the JSON last."""
    try:
        from pd4ml.benchmark import encoder
    except ImportError as error:
        raise missing_extra("pd4ml infer", "train", error) from error

    start, seed = time.monotonic(), asked["seed"]
    halves = recipe.override(name=recipe.name, validation_fraction=0.5)
    material = prepare({"train": sample}, halves, features=recipe.model != TREES)
    test = sample.open("test")
    learn, check = _quarter_off(material.valid, sample.card.group)
    roles = {
        "encoder": material.train,
        "posterior": learn,
        "check": check,
        "test": Role(test, np.arange(len(test))),
    }
    sets = _sets(question, roles)
    trained, history = encoder.train(material, recipe, roles, sets, seed=seed, threads=threads)
    kept = {name: role for name, role in roles.items() if name != "encoder"}
    numbers = {name: trained.encode(role.events.choose(role.index)) for name, role in kept.items()}
    sizes = sorted({*(n for n in _SIZES if n < asked["events"]), asked["events"]})
    entries, arrays = [], dict[str, NDArray[Any]]()
    score = _score(numbers["posterior"], sets["posterior"]) if question.value is not None else None
    for size in sizes:
        learn_from, check_on = ((sets[name], numbers[name]) for name in ("posterior", "check"))
        trained.fit(size, learn_from, check_on, seed)
        rng = np.random.default_rng([seed, size])
        theta, index = sets["test"].draw(rng, asked["sets"], size)
        told = trained.tell(size, numbers["test"][index].mean(1), theta, seed)
        entry = _entry(size, theta, told, sets)
        if score is not None:
            entry |= _references(score, numbers, sets, theta, index)
        entries.append(entry)
        arrays |= {f"theta_{size}": theta, f"rank_{size}": told["rank"], f"quantiles_{size}": told["quantiles"]}
    body = {
        "format": _FORMAT,
        "created": now(),
        "asked": asked,
        "parameter": question.parameter,
        "prior": [sets["posterior"].low, sets["posterior"].high],
        "dataset": dataset_facts(test.manifest, sample.card),
        "events": {name: len(role.index) for name, role in roles.items()},
        "independent": {name: of.n_independent for name, of in sets.items()},
        "valid_loss": history.tolist(),
        "sizes": entries,
        "seconds": round(time.monotonic() - start, 1),
    }
    folder.mkdir(parents=True, exist_ok=True)
    trained.save(folder)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    write_bytes(folder / "pseudo_experiments.npz", stream.getvalue())
    write_text(folder / INFERENCE_NAME, json.dumps(body, indent=1, allow_nan=False) + "\n")
    return body


def _quarter_off(role: Role, group: str) -> tuple[Role, Role]:
    """Three quarters of a role's events and one, groups whole."""
    own = np.asarray(role.events[group])[role.index] if group and group in role.events else role.index
    aside = np.unique(own, return_inverse=True)[1] % 4 == 3
    return Role(role.events, role.index[~aside]), Role(role.events, role.index[aside])


def _sets(question: Question, roles: Mapping[str, Role]) -> dict[str, Mixtures | Windows]:
    """Of each role's events, all with one prior."""
    ends = None
    if question.value is None:
        parts = [question.sets(role.events, role.index) for role in roles.values()]
        ranges = [part.range for part in parts if isinstance(part, Windows)]
        ends = max(low for low, _ in ranges), min(high for _, high in ranges)
    return {name: question.sets(role.events, role.index, ends) for name, role in roles.items()}


def _entry(
    size: int, theta: Floats, told: Mapping[str, Floats], sets: Mapping[str, Mixtures | Windows]
) -> dict[str, Any]:
    """What pseudo-experiments of one size say of their posteriors.

    ``pool`` is how far the finite numbers of events that sets are drawn from may move a posterior, in units of its
    width, as far as that falls with the root of the number of events.
    """
    found = diagnostics.calibration(told["rank"])
    span = sets["posterior"].high - sets["posterior"].low
    # A posterior at an end of the prior can be as narrow as numbers are apart.
    pull = (told["mean"] - theta) / np.maximum(told["width"], 1e-6 * span)
    pool = sum(size / sets[name].n_independent for name in ("posterior", "test"))
    return {
        "events": size,
        "width": _plain(told["width"]),
        "error": _plain((told["mean"] - theta) ** 2, root=True),
        "information": _plain(told["log_density"] + float(np.log(span))),
        "pull": {"mean": _plain(pull), "spread": float(pull.std(ddof=1))},
        "calibration": {"counts": found.counts.tolist(), "chi2": found.chi2, "p_value": found.p_value},
        "coverage": {
            f"{level:g}": asdict(inside)
            for level, inside in diagnostics.coverage(told["log_density"], told["log_density_of_samples"]).items()
        },
        "pool": float(np.sqrt(pool)),
    }


def _score(numbers: Floats, sets: Mixtures | Windows) -> Any:
    """A logistic regression of an event's kind on its numbers: the score of the template fit."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    assert isinstance(sets, Mixtures)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(numbers, sets.member)


def _references(
    score: Any,
    numbers: Mapping[str, Floats],
    sets: Mapping[str, Mixtures | Windows],
    theta: Floats,
    index: NDArray[np.int64],
) -> dict[str, Any]:
    """Widths and information of the share's posterior with known kinds, and from a template fit of a score."""
    from scipy.stats import beta

    pools = {name: of for name, of in sets.items() if isinstance(of, Mixtures)}
    n_members, size = pools["test"].member[index].sum(1), index.shape[1]
    values = {name: score.decision_function(of) for name, of in numbers.items()}
    of_test = values["test"][index]
    grid, density = bounds.template_posteriors(values["posterior"], pools["posterior"].member, of_test)
    average = np.asarray(np.trapezoid(density * grid, grid, axis=1))
    width = np.asarray(np.sqrt(np.trapezoid(density * (grid - average[:, None]) ** 2, grid, axis=1)))
    at_truth = np.array([np.interp(t, grid, d) for t, d in zip(theta, density, strict=True)])
    return {
        "known": {
            "width": _plain(bounds.known_kinds(n_members, size)),
            "information": _plain(beta.logpdf(theta, n_members + 1, size - n_members + 1)),
        },
        "template": {
            "width": _plain(width),
            "error": _plain((average - theta) ** 2, root=True),
            "information": _plain(np.log(np.maximum(at_truth, 1e-300))),
        },
    }


def _plain(values: Floats, *, root: bool = False) -> dict[str, float]:
    """The mean with its error, or the root of the mean."""
    found = diagnostics.mean(values)
    assert found.error is not None
    if not root:
        return {"value": found.value, "error": found.error}
    value = float(np.sqrt(found.value))
    return {"value": value, "error": found.error / (2 * value)}


def observe(
    folder: str | Path, sample: Sample, *, split: str = "test", n_events: int | None = None
) -> dict[str, Any]:
    """What a finished inference says of observed events: quantiles of the posterior of each set of them.

    Parameters
    ----------
    folder : str or Path
        What `infer` left.
    sample : Sample
        The observed events, which become sets in their order; of a group the first event counts alone.
    split : str
        Which events.
    n_events : int, optional
        In a set, one of the sizes that were learnt; the largest if not given.

    Returns
    -------
    dict
        ``events`` of a set, ``fingerprint``, ``levels`` and for each set the ``quantiles`` of the parameter.

    Raises
    ------
    DataError
        For events of another dataset, or too few for one set.
    """
    folder = as_path(folder, "folder")
    body = read_inference(folder)
    if sample.card.name != body["dataset"]["name"]:
        raise DataError(f"{folder} is of {body['dataset']['name']}, found events of {sample.card.name}")
    learnt = [entry["events"] for entry in body["sizes"]]
    size = max(learnt) if n_events is None else n_events
    if size not in learnt:
        raise DataError(f"{folder} has learnt sets of {', '.join(map(str, learnt))} events, not of {size}")
    try:
        from pd4ml.benchmark.encoder import load
    except ImportError as error:
        raise missing_extra("pd4ml infer", "train", error) from error

    events = _independent(sample.open(split), sample.card.group)
    if len(events) < size:
        raise DataError(f"a set has {size:,} events, found {len(events):,} (independent ones, split {split})")
    trained: Encoder = load(folder, sample.dataset)
    numbers = trained.encode(events)[: len(events) // size * size]
    means = numbers.reshape(-1, size, numbers.shape[1]).mean(1)
    quantiles = trained.quantiles(size, means, _QUANTILES, seed=int(body["asked"]["seed"]))
    return {
        "parameter": body["parameter"],
        "events": size,
        "variant": sample.variant,
        "fingerprint": sample.fingerprint,
        "levels": list(_QUANTILES),
        "quantiles": np.round(quantiles, 6).tolist(),
    }


def _independent(events: Events, group: str) -> Events:
    if not group or group not in events:
        return events
    _, first = np.unique(np.asarray(events[group]), return_index=True)
    return events.choose(np.sort(first))
