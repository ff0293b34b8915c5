"""PAIRS against the exact posterior of normal sets, its heads, and the sets it is trained on."""

from __future__ import annotations

import numpy as np
import pytest

from pd4ml.errors import DataError
from pd4ml.methods.infer.sets import Mixtures, Windows

pytest.importorskip("zuko")


def test_pairs_is_nearly_exact_and_needs_its_second_stage() -> None:
    """Within 0.05 nats for sets of 500, of a mean whose width nobody knows; the first stage alone is not."""
    from helpers.normal_sets import measure

    found = measure()
    difference = found["exact"] - found["pairs"]
    assert -0.02 < difference.mean() < 0.05
    assert (found["exact"] - found["stage"]).mean() > 1


def test_the_quadrature_is_the_posterior() -> None:
    """Its density integrates to one, about as wide as the mean's error."""
    from helpers.normal_sets import draw_sets, exact

    _, x = draw_sets(np.random.default_rng(1), 1, 300)
    grid = x.mean() + np.linspace(-6, 6, 241) * x.std() / np.sqrt(300)
    density = np.exp([exact(np.array([[at]]), x)[0] for at in grid])
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    width = np.sqrt(np.trapezoid(density * (grid - x.mean()) ** 2, grid))
    assert width == pytest.approx(x.std() / np.sqrt(300), rel=0.02)


def test_a_posterior_is_a_density_within_the_prior() -> None:
    import torch

    from pd4ml.methods.infer.flow import Posterior

    torch.manual_seed(1)
    head = Posterior([2.0], [5.0], 3)
    theta = torch.rand(500, 1) * 3 + 2
    head.start(theta, torch.cat([theta, theta**2, torch.randn(500, 1)], 1) + 0.1 * torch.randn(500, 3))
    context = torch.tensor([[3.0, 9.0, 0.0]])
    grid = torch.linspace(2.001, 4.999, 3000)[:, None]
    with torch.no_grad():
        density = head(grid, context.expand(len(grid), 3)).exp()
    assert float(torch.trapezoid(density, grid[:, 0])) == pytest.approx(1, abs=0.02)
    samples = head.sample(context, 2000)
    assert samples.shape == (2000, 1, 1)
    assert float(samples.min()) >= 2
    assert float(samples.max()) <= 5
    assert float(samples.mean()) == pytest.approx(
        float(torch.trapezoid(density * grid[:, 0], grid[:, 0])), abs=0.03
    )


def test_a_posterior_of_what_was_never_seen_has_a_width() -> None:
    """Contexts far from all that were learnt must not drive every draw to one number at an end of the prior."""
    import torch

    from pd4ml.methods.infer.flow import Posterior

    torch.manual_seed(1)
    theta = torch.rand(500, 1)
    head = Posterior([0.0], [1.0], 3)
    head.start(theta, torch.cat([theta, theta**2, torch.randn(500, 1)], 1) + 0.1 * torch.randn(500, 3))
    samples = head.sample(50 * torch.randn(200, 3), 400)[..., 0]
    assert float(samples.std(0).min()) > 0
    assert torch.isfinite(head(samples[0][:, None], 50 * torch.randn(200, 3))).all()


def test_mixtures_have_the_share_that_they_say() -> None:
    member = np.arange(1000) % 4 == 0
    mixtures = Mixtures(member)
    theta, places = mixtures.draw(np.random.default_rng(1), 400, 100)
    assert mixtures.n_independent == 500
    pull = (member[places].mean(1) - theta) / np.sqrt(theta * (1 - theta) / 100)
    assert pull.mean() == pytest.approx(0, abs=0.2)
    assert pull.std() == pytest.approx(1, abs=0.15)


def test_many_shares_have_the_same_events() -> None:
    member = np.arange(1000) % 4 == 0
    theta, places, index = Mixtures(member).batch(np.random.default_rng(1), 64)
    assert len(places) == 64
    assert member[places].sum() == 32
    assert len(theta) == len(index) == 16 * 64
    kinds = member[places[index]].mean(1)
    assert np.polyfit(theta, kinds, 1) == pytest.approx([1, 0], abs=0.1)


def test_events_of_large_groups_come_as_often_as_those_of_small_ones() -> None:
    """A group is drawn, then one of its events: a group with ninety events counts as one with one."""
    group = np.r_[np.zeros(90, np.int64), np.arange(1, 11), 11]
    mixtures = Mixtures(np.r_[np.ones(100, bool), False], group)
    theta, places = mixtures.draw(np.random.default_rng(1), 300, 40)
    members = places[places < 100]
    assert mixtures.n_independent == 2
    assert (members < 90).mean() == pytest.approx(1 / 11, abs=0.02)
    assert len(theta) == 300


def test_events_of_a_window_lie_in_it() -> None:
    values = np.random.default_rng(1).uniform(-1, 3, 2000)
    windows = Windows(values, 0.1)
    theta, places = windows.draw(np.random.default_rng(2), 50, 30)
    assert np.abs(values[places] - theta[:, None]).max() <= 0.2
    assert theta.min() >= windows.low >= -0.8
    assert windows.n_independent > 100


@pytest.mark.parametrize("values", [np.ones(10), np.r_[np.zeros(10), np.ones(10)]])
def test_windows_without_events_are_refused(values: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"values that differ|have no event"):
        Windows(values)


def test_a_share_needs_both_kinds() -> None:
    with pytest.raises(DataError, match="one of the two is missing"):
        Mixtures(np.ones(5, bool))
