"""Fit the weights of signal probabilities to simulated events: ``signal_probability.csv`` of the Belle room.

List by list, in the order of the reconstruction, since candidates follow from those before. A logistic regression
on all channels of a list, each with an intercept of its own; a channel with many true candidates gets weights of
its own. Takes about five minutes on one core. Not part of ``evidence.py``: other weights select other events.
"""

from __future__ import annotations

import csv

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from pd4ml.datasets.belle.channels import FEATURES, GAMMA, LISTS, WEIGHTS, channels, tables
from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import DecayGenerator, Decays, boost
from pd4ml.datasets.belle.detector import Seen, see
from pd4ml.datasets.belle.matching import is_signal
from pd4ml.datasets.belle.reconstruction import candidates_of

BATCH, N_EVENTS, N_EVENTS_B, SEED = 2000, 20_000, 200_000, 8
MANY = 200  # true candidates
# A true candidate is no farther from its nominal value than this (GeV), else a track's mass is wrong.
NEAR, NEAR_WITH_NEUTRALS = 0.03, 0.08

Floats = NDArray[np.float64]
Labelled = tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]


def events(n: int, config: Config) -> list[tuple[Decays, Seen]]:
    """Pairs of B mesons and what is seen of them."""
    rng = np.random.default_rng(SEED)
    generate = DecayGenerator(config, SEED, rng)
    batches = (generate(BATCH) for _ in range(n // BATCH))
    return [(decays, see(decays, config, rng)) for decays in batches]


def labelled(place: int, decays: Decays, seen: Seen, config: Config) -> Labelled:
    """Channel, features and truth of the candidates of a list."""
    table = tables()
    found, features, used, _ = candidates_of(seen, config, table, place, 1000 * BATCH)
    event, channel, sign = found.T
    neutral = np.array([any(LISTS[d] in ("gamma", "pi0") for d in c.daughters) for c in channels()])[channel]
    near = features[:, 4] < np.where(neutral, NEAR_WITH_NEUTRALS, NEAR)
    true = is_signal(decays, seen, event, used, table.codes[channel] * np.where(sign < 0, -1, 1)) & near
    return channel, features, true


def fit(channel: NDArray[np.int64], features: Floats, true: NDArray[np.bool_]) -> dict[str, Floats]:
    """Weights of each channel."""
    places = np.unique(channel)
    own = (channel[:, None] == places).astype(float)
    scale = np.maximum(features.std(axis=0), 1e-9)
    scaled = np.where(features.std(axis=0) > 1e-9, features / scale, 0)
    model = LogisticRegression(C=10.0, max_iter=2000, fit_intercept=False)
    common = model.fit(np.column_stack([own, scaled]), true).coef_[0]
    out = {}
    for k, place in enumerate(places):
        here = channel == place
        weights = common[len(places) :] / scale
        weights[0] = common[k]
        if true[here].sum() > MANY:
            model = LogisticRegression(C=10.0, max_iter=2000)
            model.fit(scaled[here], true[here])
            weights = model.coef_[0] / scale
            weights[0] = model.intercept_[0]
        out[channels()[place].text] = weights
        share = true[here].mean()
        print(
            f"{channels()[place].text:32} {here.sum():8} {true[here].sum():7} {share:.5f}",
            weights.round(2),
            flush=True,
        )
    return out


def write(rows: dict[str, Floats]) -> None:
    """Keep the weights found so far, for the lists that come."""
    with WEIGHTS.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["channel", *FEATURES])
        table.writerows([name, *(f"{w:.4g}" for w in weights)] for name, weights in rows.items())
    tables.cache_clear()


def photons(batches: list[tuple[Decays, Seen]], config: Config) -> Floats:
    """Weights that tell photons of B decays from those of the background, by energy."""
    beams = np.array(config.beams).sum(axis=0)
    p3 = np.concatenate([seen.photons.p3 for _, seen in batches])
    energy = boost(np.column_stack([np.linalg.norm(p3, axis=1), p3]), -beams[1:] / beams[0])[:, 0]
    true = np.concatenate([seen.photons.source >= 0 for _, seen in batches])
    model = LogisticRegression().fit(np.log(energy)[:, None], true)
    weights = np.zeros(len(FEATURES))
    weights[0], weights[5] = model.intercept_[0], model.coef_[0, 0]
    return weights


def main() -> None:
    """Fit list by list."""
    config = Config()
    batches = events(N_EVENTS, config)
    rows = {"gamma": photons(batches, config)}
    for place in range(GAMMA + 1, len(LISTS)):
        write(rows)
        if place == len(LISTS) - 1:
            batches = events(N_EVENTS_B, config)
        parts = [labelled(place, *batch, config) for batch in batches]
        rows |= fit(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    write(rows)


if __name__ == "__main__":
    main()
