"""Generating a dataset: settings, splits and seeds into a plan, the plan into a store."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from pd4ml.arguments import as_whole
from pd4ml.card import Card
from pd4ml.errors import DataError, StoreError, unknown_name
from pd4ml.generation.draws import parse_draws
from pd4ml.generation.engine import plan_chunks, run_chunks
from pd4ml.generation.simulator import Simulator
from pd4ml.storage.store import Store
from pd4ml.storage.writer import StoreWriter, tidy

__all__ = ["generate", "split_events"]


def generate(
    card: Card,
    simulator: Simulator,
    folder_of: Callable[[str], Path],
    *,
    n_events: int,
    seed: int,
    workers: int | Executor = 1,
    variant: str = "default",
    config: Mapping[str, Any] | None = None,
    draw: Mapping[str, str] | None = None,
    force: bool = False,
) -> Store:
    """Simulate ``n_events`` events of ``card`` into a store; what is there already is kept.

    ``folder_of`` gives the folder of a variant.

    ``config`` are settings over the defaults and ``draw`` those that have a distribution in place of a value; with
    either, ``variant`` must be a name that the card does not know. What was drawn is kept in extra arrays.
    """
    settings = simulator.config(_options(card, variant, config or {}, draw or {}))
    draws = parse_draws(draw, simulator, card, settings)
    card = dataclasses.replace(card, extras=(*card.extras, *(d.spec for d in draws)))
    splits, seed = split_events(card, n_events), as_whole("seed", seed, 0)
    plan = {
        "dataset": card.name,
        "card_version": card.version,
        "simulator": f"{simulator.simulate.__module__}.{simulator.simulate.__name__}",
        "config": dataclasses.asdict(settings),
        "seed": seed,
        "n_events": splits,
        "chunk_events": simulator.chunk_events,
    }
    if draws:
        plan["draw"] = {d.name: d.text for d in draws}
        plan["draw_events"] = {
            d.name: 1 if d.name in simulator.per_event else simulator.draw_events for d in draws
        }
    folder = folder_of(variant)
    if not force and folder.exists():
        tidy(folder)
        return _same(Store(folder), plan, variant)
    simulator.require()
    plan_with_versions = {**plan, "versions": simulator.versions()}
    if simulator.facts is not None and (facts := simulator.facts(settings)):
        plan_with_versions["facts"] = dict(facts)
    with StoreWriter(folder, card, splits, plan_with_versions, replace=force, drop_partial=force) as writer:
        if writer.already_there:
            return _same(Store(folder), plan, variant)
        chunks = plan_chunks(splits, seed, simulator.chunk_events)
        run_chunks(simulator, settings, chunks, writer, workers, draws)
        writer.finish("generated", variant, plan_with_versions)
    return Store(folder)


def split_events(card: Card, n_events: int) -> dict[str, int]:
    """Events of each split: the published proportions, to a per cent; what is left over is for train.

    A split's seed follows from its place, so that train and test come first.
    """
    n_events, total = as_whole("n_events", n_events), sum(card.splits.values())
    others = ["test", *(name for name in card.splits if name not in ("train", "test"))]
    rest = {name: round(n_events * round(card.splits[name] / total, 2)) for name in others}
    splits = {"train": n_events - sum(rest.values()), **rest}
    if min(splits.values()) < 1:
        raise DataError(f"n_events is {n_events}: too few to fill the splits {', '.join(splits)}")
    return splits


def _options(card: Card, variant: str, config: Mapping[str, Any], draw: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a variant of the card, or those of a variant that is somebody's own."""
    if both := set(config) & set(draw):
        raise DataError(f"{', '.join(sorted(both))} is set and drawn: leave one of the two away")
    if variant in card.variants:
        if config or draw:
            raise DataError(
                f"variant {variant!r} has settings of its own: give events with {', '.join([*config, *draw])} "
                f"{'set' if config else 'drawn'} another name (variant='...', --variant)"
            )
        return dict(card.variants[variant].config)
    if not config and not draw:
        raise unknown_name("variant", variant, card.variants)
    return dict(config)


def _same(store: Store, plan: Mapping[str, Any], variant: str) -> Store:
    """The store that is there, if it follows the same plan (versions may differ)."""
    found = store.manifest.provenance
    wanted = json.loads(json.dumps(plan))  # as it was stored: tuples became lists
    for key in [*wanted, *(key for key in ("draw", "draw_events") if key in found)]:
        if found.get(key) != wanted.get(key):
            raise StoreError(
                f"{store.folder} exists with {key} {found.get(key)}, asked for {wanted.get(key)}: choose another "
                f"name than variant {variant!r}, or replace it with force (--force)"
            )
    return store
