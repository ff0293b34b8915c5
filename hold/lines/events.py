"""A plugin with small datasets of all that commands ask for: what kills and full disks are tried on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import awkward
import numpy as np

from pd4ml.card import ArraySpec, Card, Citation, Level, PublishedFile, PublishedSource, Variant
from pd4ml.dataset import Dataset
from pd4ml.generation.settings import within
from pd4ml.generation.simulator import Simulator
from pd4ml.graphs.packed import PackedGraphs, no_edges
from pd4ml.storage.store import Array

__all__ = ["Fetched", "Flat", "Tiny"]

POINTS = 4


@dataclass(frozen=True)
class Config:
    """How the points are seen."""

    centre: float = within(0.5, 0.0, 3.0, "1", "between the kinds")
    width: float = within(0.5, 0.0, 9.0, "1", "of the smearing", stage="response")


def simulate(n: int, seed: np.random.SeedSequence, config: Config, split: str) -> dict[str, Array]:
    """Four points around a true place, tracks of any number, and what is hidden from models."""
    truth_seed, response_seed = seed.spawn(2)
    rng, seen = np.random.default_rng(truth_seed), np.random.default_rng(response_seed)
    label = rng.integers(0, 2, n, dtype=np.uint8)
    truth = rng.normal(config.centre * label, 1)
    points = truth[:, None, None] + seen.normal(0, max(config.width, 1e-9), (n, POINTS, 2))
    tracks = rng.integers(0, 4, n)
    return {
        "points": points.astype(np.float32),
        "tracks": awkward.unflatten(rng.normal(size=tracks.sum()).astype(np.float32), tracks),
        "label": label,
        "truth": truth.astype(np.float32),
    }


class Tiny(Dataset):
    """Two kinds of four points."""

    card = Card(
        name="Tiny",
        version="1",
        title="four points of two kinds",
        task="classification",
        description="Normally distributed points.",
        inputs=(
            ArraySpec("points", (POINTS, 2), "float32", "GeV", "four points"),
            ArraySpec("tracks", (), "float32", "GeV", "any number of them", ragged=True),
        ),
        target=ArraySpec("label", (), "uint8", "1", "0 or 1"),
        classes=("zero", "one"),
        splits=MappingProxyType({"train": 160, "test": 40}),
        sources=(),
        variants=MappingProxyType(
            {
                "default": Variant("as is"),
                "wide": Variant("seen less well", MappingProxyType({"width": 0.8})),
                "far": Variant("another truth", MappingProxyType({"centre": 1.0})),
            }
        ),
        extras=(ArraySpec("truth", (), "float32", "GeV", "where they are"),),
        licence="MIT",
        citations=(Citation("Tiny", "@misc{Tiny}"),),
        generator="normal distributions",
        graph="points without edges",
    )

    @classmethod
    def simulator(cls) -> Simulator:
        """Normal distributions."""
        return Simulator(simulate, Config, chunk_events=20, truth=("label", "truth"))

    @classmethod
    def build_graphs(
        cls, arrays: Mapping[str, Array], fitted: Mapping[str, Any], *, edges: bool = True
    ) -> PackedGraphs:
        """Four nodes without edges."""
        points = np.asarray(arrays["points"], np.float32)
        return PackedGraphs(points.reshape(-1, 2), no_edges(), POINTS * np.arange(len(points) + 1), POINTS)

    @classmethod
    def summary(cls, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """What was seen."""
        return {"x": np.asarray(arrays["points"]).mean(axis=(1, 2))}

    @classmethod
    def levels(cls) -> dict[str, Level]:
        """Where the points are, and where they are seen."""
        return {"x": Level("truth", "x", "GeV", -3, 4, 6)}


def simulate_flat(n: int, seed: np.random.SeedSequence, config: Config, split: str) -> dict[str, Array]:
    """Without tracks."""
    return {name: array for name, array in simulate(n, seed, config, split).items() if name != "tracks"}


class Flat(Tiny):
    """Points alone, of which nothing is ragged: competitions hand out such events, and plots show them."""

    card = replace(Tiny.card, name="Flat", inputs=Tiny.card.inputs[:1])

    @classmethod
    def simulator(cls) -> Simulator:
        """Normal distributions."""
        return Simulator(simulate_flat, Config, chunk_events=3000, truth=("label", "truth"))


def _published() -> tuple[PublishedSource, ...]:
    """What `hold.lines.server` serves, where it does."""
    if "PD4ML_HOLD_SERVER" not in os.environ:
        return ()
    address, digest = os.environ["PD4ML_HOLD_SERVER"].split()
    file = PublishedFile("points.npz", (address,), "npz", ("train", "test"), sha256=digest)
    return (PublishedSource("loopback", (file,)),)


class Fetched(Flat):
    """Points that are published."""

    card = replace(
        Flat.card,
        name="Fetched",
        extras=(),
        splits=MappingProxyType({"train": 1200, "test": 600}),
        sources=_published(),
    )
