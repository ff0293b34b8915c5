"""Features and graphs of showers against a plain computation, and the room from end to end."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.airshower import Airshower
from pd4ml.datasets.airshower.card import CARD
from pd4ml.datasets.airshower.features import FIT_EVENTS, features, fit_time_spread
from pd4ml.datasets.airshower.simulator import Config, simulate
from pd4ml.errors import DataError
from pd4ml.graphs.grid import grid_edges

Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def events() -> Arrays:
    return simulate(300, np.random.SeedSequence(3), Config(), "train")


def plain_features(traces: NDArray[Any], arrival_time: NDArray[Any], spread: float) -> NDArray[np.float64]:
    out = np.zeros((len(traces), 9, 9, 81))
    for event in range(len(traces)):
        active = arrival_time[event, ..., 0] != -1
        time = arrival_time[event, ..., 0][active].astype(np.float64)
        if time.size:
            signal = traces[event][active].astype(np.float64)
            out[event][active] = np.column_stack([np.log10(signal + 1), (time - time.mean()) / spread])
    return out


def test_features_are_as_defined(events: Arrays) -> None:
    found = features(events["traces"], events["arrival_time"], 3e-6)
    expected = plain_features(events["traces"], events["arrival_time"], 3e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_an_event_without_signals_is_zero(events: Arrays) -> None:
    traces, time = np.full((2, 9, 9, 80), -1, np.float32), np.full((2, 9, 9, 1), -1, np.float32)
    assert not features(traces, time, 3e-6).any()
    assert features(traces[:0], time[:0], 3e-6).shape == (0, 9, 9, 81)


def test_memory_maps_slices_and_other_strides_give_the_same(events: Arrays, tmp_path: Path) -> None:
    np.save(tmp_path / "traces.npy", events["traces"])
    mapped = np.load(tmp_path / "traces.npy", mmap_mode="r")
    whole = features(events["traces"], events["arrival_time"], 3e-6)
    np.testing.assert_array_equal(features(mapped, events["arrival_time"], 3e-6), whole)
    part = features(mapped[10:200:3], events["arrival_time"][10:200:3], 3e-6)
    np.testing.assert_array_equal(part, whole[10:200:3])


def test_the_spread_is_that_about_the_events_means(events: Arrays) -> None:
    time = events["arrival_time"].reshape(300, 81).astype(np.float64)
    deviations = np.concatenate([t[t != -1] - t[t != -1].mean() for t in time])
    assert fit_time_spread(events["arrival_time"]) == pytest.approx(deviations.std(), rel=1e-9)
    fitted = features(events["traces"], events["arrival_time"], fit_time_spread(events["arrival_time"]))[..., 80]
    assert fitted[fitted != 0].std() == pytest.approx(1, abs=1e-3)


def test_the_spread_needs_only_the_first_events(events: Arrays) -> None:
    time = np.tile(events["arrival_time"], (FIT_EVENTS // 300 + 2, 1, 1, 1))
    expected = fit_time_spread(time[:FIT_EVENTS])
    time[FIT_EVENTS:] = 7.0
    assert fit_time_spread(time) == expected


def test_times_that_do_not_vary_are_refused() -> None:
    with pytest.raises(DataError, match="of 0 stations do not vary"):
        fit_time_spread(np.full((5, 9, 9, 1), -1, np.float32))


@pytest.mark.parametrize(
    ("name", "value"),
    [("traces", -0.5), ("traces", np.nan), ("traces", np.inf), ("arrival_time", np.nan), ("arrival_time", -1)],
)
def test_bad_values_are_found(events: Arrays, name: str, value: float) -> None:
    arrays = {key: events[key].copy() for key in ("traces", "arrival_time")}
    i, j = np.argwhere(arrays["arrival_time"][123, ..., 0] != -1)[0]
    arrays[name][123, i, j, -1] = value
    with pytest.raises(DataError, match=f"event 123: station {9 * i + j} "):
        features(**arrays, time_spread=3e-6)


def test_bad_shapes_are_refused(events: Arrays) -> None:
    with pytest.raises(DataError, match=r"expected traces \(N, 9, 9, 80\)"):
        features(events["traces"][:, :8], events["arrival_time"], 3e-6)
    with pytest.raises(DataError, match="float64"):
        features(events["traces"], events["arrival_time"].astype(np.float64), 3e-6)


def test_generated_showers_become_graphs(tmp_path: Path) -> None:
    Airshower.generate(tmp_path, 60, seed=4)
    opened = Airshower.open("test", tmp_path, source="generated")
    fitted = Airshower.fit_features(Airshower.open("train", tmp_path, source="generated"))
    graphs = Airshower.graphs("test", tmp_path, source="generated")
    pack = graphs.pack()
    assert len(pack) == 18
    assert (pack.sizes == 81).all()
    assert pack.max_nodes == 81
    expected = features(opened["traces"], opened["arrival_time"], fitted["time_spread"])  # fitted on train
    np.testing.assert_array_equal(pack.nodes.reshape(expected.shape), expected)
    np.testing.assert_array_equal(pack[3].edge_index, grid_edges(9, 9))
    x, y = Airshower.load_data("test", tmp_path, graph=True, source="generated")
    assert x["features"].shape == (18, 81, 81)
    assert (x["adj_matrix"].sum(axis=(1, 2)) == 544 + 81).all()
    np.testing.assert_array_equal(y, opened.y)


def test_a_published_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = CARD.sources[0]
    files = tuple(dataclasses.replace(file, md5=None) for file in source.files)
    splits = MappingProxyType({"train": 14, "test": 6})
    card = dataclasses.replace(CARD, splits=splits, sources=(dataclasses.replace(source, files=files),))
    monkeypatch.setattr(Airshower, "card", card)
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    parts = {s: simulate(n, np.random.SeedSequence(n), Config(), s) for s, n in splits.items()}
    arrays: Arrays = {}
    for split, part in parts.items():
        for k, name in enumerate(("traces", "arrival_time", "stations")):
            arrays[f"X_{split}_{k}"] = part[name].astype(np.float64)
        arrays[f"y_{split}"] = part["xmax"].astype(np.float64)
    np.savez_compressed(tmp_path / files[0].name, allow_pickle=False, **arrays)
    X, y = Airshower.load("test", tmp_path)
    for found, spec in zip((*X, y), CARD.published.arrays, strict=True):
        np.testing.assert_array_equal(found, parts["test"][spec.name])
        assert found.dtype == np.float32
    graphs = Airshower.graphs("train", tmp_path)
    assert len(graphs[:]) == 14
