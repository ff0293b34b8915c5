"""What models see of hits, and the reference model, which begins as the plain sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pd4ml.datasets.calo_test_beam import CaloTestBeam
from pd4ml.datasets.calo_test_beam.features import FEATURES, MOST_HITS, features
from pd4ml.datasets.calo_test_beam.graph import graphs
from pd4ml.datasets.calo_test_beam.reference import CompensationNet
from pd4ml.datasets.calo_test_beam.stack import LIGHT, PITCH, TILE_DEPTH
from pd4ml.datasets.calo_test_beam.summary import summary
from pd4ml.errors import DataError
from pd4ml.models import ModelInputs
from pd4ml.models.batch import GraphBatch
from pd4ml.storage.ragged import ragged


def hits(*sizes: int, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    rows = np.zeros((n, 5), np.float32)
    rows[:, :2] = 30 * (rng.integers(24, size=(n, 2)) - 11.5)
    rows[:, 2] = TILE_DEPTH + PITCH * rng.integers(38, size=n)
    rows[:, 3] = 0.5 + rng.exponential(5, n) * np.repeat(rng.uniform(0.2, 2, len(sizes)), sizes)
    rows[:, 4] = rows[:, 2] / LIGHT + rng.exponential(1, n)
    return ragged(rows, np.cumsum([0, *sizes]))


def test_features_are_of_order_one_and_can_be_read_back() -> None:
    events = hits(50, 200)
    nodes, offsets = features(events)
    assert nodes.shape == (250, len(FEATURES))
    assert offsets.tolist() == [0, 50, 250]
    assert np.abs(nodes).max() < 12
    energy = np.asarray(events[1, :, 3])
    total = 1000 * 10 ** nodes[60, FEATURES.index("log_total")]
    assert total == pytest.approx(energy.sum(), rel=1e-4)
    share = (nodes[50:, FEATURES.index("share")] / 10) ** 2
    np.testing.assert_allclose(share * total, energy, rtol=1e-3)


def test_many_hits_are_cut_and_none_is_a_node() -> None:
    nodes, offsets = features(hits(0, MOST_HITS + 5, 3, 0))
    assert np.diff(offsets).tolist() == [1, MOST_HITS, 3, 1]
    assert not nodes[0].any()
    assert not nodes[-1].any()
    assert np.isfinite(nodes).all()
    bad = hits(3)
    broken = np.array(bad[0])
    broken[1, 3] = -1
    with pytest.raises(DataError, match="energies >= 0"):
        features(ragged(broken, np.array([0, 3])))


def test_neighbours_are_the_nearest_in_millimetres() -> None:
    events = hits(40)
    pack = graphs({"hits": events}, {})
    place = np.asarray(events[0])[:, :3].astype(float)
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    source, target = pack.edge_index
    for node in range(40):
        joined = source[target == node]
        nearest = np.sort(distance[node])[7]
        assert (distance[node] < nearest - 1e-3).sum() <= len(joined)
        assert set(np.flatnonzero(distance[node] < nearest - 1e-3)) <= set(joined)


def test_the_reference_model_begins_as_the_plain_sum() -> None:
    events = hits(120, 300)
    batch = GraphBatch.from_packed(graphs({"hits": events}, {}))
    model = CompensationNet(ModelInputs(len(FEATURES), MOST_HITS, "regression")).eval()
    model.set_target(45.0, 20.0)
    with torch.no_grad():
        energy = model(batch).numpy()
    sums = [float(np.asarray(event)[:, 3].sum()) for event in events]
    np.testing.assert_allclose(energy, np.array(sums) / 41.5, rtol=1e-3)


def test_weights_of_hits_are_learned() -> None:
    """A calorimeter whose dense hits count double: the network finds it out, the plain sum cannot."""
    torch.manual_seed(1)
    events = hits(*np.random.default_rng(2).integers(20, 120, 150))
    batch = GraphBatch.from_packed(graphs({"hits": events}, {}))
    truth = torch.tensor([float((e * (1 + (e > 5))).sum() / 60) for e in (np.asarray(x)[:, 3] for x in events)])
    model = CompensationNet(ModelInputs(len(FEATURES), MOST_HITS, "regression"), width=16, depth=1)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(90):
        loss = torch.nn.functional.mse_loss(model(batch), truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    plain = np.array([float(np.asarray(x)[:, 3].sum()) for x in events])
    line = np.polyval(np.polyfit(plain, truth.numpy(), 1), plain)
    assert loss.item() < 0.5 * np.mean((line - truth.numpy()) ** 2)


def test_summary_of_a_known_event() -> None:
    rows = np.array(
        [
            [15, 15, TILE_DEPTH + PITCH * layer, e, TILE_DEPTH / LIGHT + layer * PITCH / LIGHT + delay]
            for layer, e, delay in ((3, 20.0, 0.0), (4, 10.0, 0.0), (5, 6.0, 10.0), (37, 4.0, 0.0))
        ],
        np.float32,
    )
    found = summary({"hits": ragged(rows, np.array([0, 4]))})
    assert found["sum"][0] == pytest.approx(40)
    assert found["dense_share"][0] == pytest.approx(0.9)
    assert found["late_share"][0] == pytest.approx(0.15)
    assert found["start"][0] == 2  # with the next layer
    assert found["last_layers"][0] == pytest.approx(4)
    assert found["largest"][0] == pytest.approx(20)


def test_models_that_look_for_neighbours_look_in_space() -> None:
    assert [FEATURES[i] for i in CaloTestBeam.coordinates() or ()] == ["x", "y", "layer"]
