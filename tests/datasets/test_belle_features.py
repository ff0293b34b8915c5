import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.belle import features
from pd4ml.datasets.belle.features import N_TOKENS, continuous, fit, real, tokens
from pd4ml.datasets.belle.graph import graphs
from pd4ml.datasets.belle.tokens import pdg_ids, pdg_tokens, token_names, unknown_token
from pd4ml.errors import DataError

Batch = tuple[NDArray[np.float32], NDArray[np.int16]]


def some_events(n: int = 50, seed: int = 0, n_kinds: int = 250) -> Batch:
    """Random trees with long-tailed numbers; kind k is the more frequent, the smaller k."""
    rng = np.random.default_rng(seed)
    particles = np.zeros((n, 100, 9), np.float32)
    mother = np.full((n, 100), -1, np.int16)
    for i, size in enumerate(rng.integers(1, 101, n)):
        particles[i, :size, :8] = rng.standard_t(1.5, (size, 8))
        particles[i, :size, 8] = 1 + (n_kinds * rng.random(size) ** 2).astype(int)
        mother[i, 1:size] = [rng.integers(0, j) for j in range(1, size)]
    particles[..., [0, 1]] = np.abs(particles[..., [0, 1]])
    return particles, mother


def fit_on(particles: NDArray[np.float32]) -> dict[str, Any]:
    return fit({"particles": particles})


def test_features_of_the_train_split_are_standardised(monkeypatch: pytest.MonkeyPatch) -> None:
    particles, _ = some_events()
    whole = fit_on(particles)
    monkeypatch.setattr(features, "_CHUNK", 7)
    assert json.loads(json.dumps(whole)) == whole
    chunked = fit_on(particles)
    for name in ("scale", "mean", "spread"):
        np.testing.assert_allclose(chunked[name], whole[name], rtol=1e-9)
    assert chunked["frequent"] == whole["frequent"]
    values = continuous(particles[real(particles)], whole)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-5)
    assert np.abs(values).max() < 10  # however far the tails reach


def test_padding_is_not_fitted() -> None:
    particles, _ = some_events()
    more = particles.copy()
    more[~real(particles), :8] = 1e6
    assert fit_on(more) == fit_on(particles)


def test_the_unit_of_a_feature_does_not_matter() -> None:
    particles, _ = some_events()
    scaled = particles * np.array([1e3, 1, 10, 10, 10, 1, 1, 1, 1], np.float32)
    a = continuous(particles[real(particles)], fit_on(particles))
    b = continuous(scaled[real(scaled)], fit_on(scaled))
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_most_frequent_kinds_have_tokens_of_their_own() -> None:
    particles, _ = some_events()
    fitted = fit_on(particles)
    kinds = particles[real(particles)][:, 8].astype(int)
    counts = np.bincount(kinds)
    token = tokens(particles[real(particles)], fitted)
    assert token.dtype == np.int64
    assert set(np.unique(token)) == set(range(N_TOKENS))
    for frequent in (1, 2, 182):
        here = np.unique(kinds[token == frequent])
        assert len(here) == 1
        assert (counts > counts[here[0]]).sum() < frequent
    assert counts[np.unique(kinds[token == 0])].max() <= counts[np.unique(kinds[token > 0])].min()


def test_kinds_that_train_has_not_seen_are_other() -> None:
    particles, _ = some_events(n_kinds=20)
    fitted = fit_on(particles)
    new = particles[:1, :3].copy()
    new[0, :, 8] = [1, 5000, 21]
    assert (tokens(new[0], fitted) == [tokens(particles[particles[..., 8] == 1][:1], fitted)[0], 0, 0]).all()
    assert len(fitted["frequent"]) == 20


def test_a_feature_that_is_always_zero_stays_zero() -> None:
    particles, _ = some_events()
    particles[..., 3] = 0
    assert not continuous(particles[real(particles)], fit_on(particles))[:, 3].any()


def test_graphs_hold_the_real_particles_and_their_mothers() -> None:
    particles, mother = some_events(12)
    fitted = fit_on(particles)
    pack = graphs({"particles": particles, "mother_index": mother}, fitted)
    sizes = real(particles).sum(axis=1)
    assert pack.sizes.tolist() == sizes.tolist()
    assert (pack.max_nodes, pack.n_tokens) == (100, N_TOKENS)
    assert pack.nodes.shape == (sizes.sum(), 8)
    assert pack.tokens is not None
    adjacency = pack.adjacency()
    for i, size in enumerate(sizes):
        expected = np.zeros((100, 100), int)
        for j in range(1, size):
            expected[j, mother[i, j]] = expected[mother[i, j], j] = 1
        np.testing.assert_array_equal(adjacency[i], expected)
        start = pack.offsets[i]
        np.testing.assert_array_equal(pack.nodes[start : start + size], continuous(particles[i, :size], fitted))
        np.testing.assert_array_equal(pack.tokens[start : start + size], tokens(particles[i, :size], fitted))
    alone = graphs({"particles": particles[3:4], "mother_index": mother[3:4]}, fitted)
    np.testing.assert_array_equal(alone.nodes, pack[3].nodes)
    np.testing.assert_array_equal(alone.edge_index, pack[3].edge_index)


@pytest.mark.parametrize("bad", [-1.0, 2.5])
def test_a_pid_that_is_no_token_is_refused(bad: float) -> None:
    particles, mother = some_events(5)
    fitted = fit_on(particles)
    particles[3, 0, 8] = bad
    with pytest.raises(DataError, match=f"event 3: particle 0 has the PID {bad}"):
        graphs({"particles": particles, "mother_index": mother}, fitted)
    with pytest.raises(DataError, match="event 3: particle 0"):
        fit_on(particles)


def test_tokens_are_those_of_the_published_file() -> None:
    codes = pdg_ids()
    assert len(codes) == len(set(codes.tolist())) == len(token_names()) == 539  # and padding
    assert pdg_tokens(codes).tolist() == list(range(1, 540))
    assert pdg_tokens([300553, 22, 211, -211, 310]).tolist() == [171, 506, 236, 143, 19]
    assert (pdg_tokens([0, 10**9, 10221]) == unknown_token()).all()
    assert unknown_token() == 540
    assert token_names()[236 - 1] == "pi+"
    # The first published event: Upsilon(4S), anti-B0, B0, ...
    assert pdg_tokens([300553, -511, 511, 415, 13, -14, -213, 211]).tolist() == [
        171,
        321,
        323,
        357,
        378,
        183,
        220,
        236,
    ]


def test_nothing_that_pythia_makes_often_is_unknown() -> None:
    pytest.importorskip("pythia8mc")
    from helpers.belle_events import decays

    codes: Any = decays().pdg_id
    assert np.mean(pdg_tokens(codes) == unknown_token()) < 0.0005
