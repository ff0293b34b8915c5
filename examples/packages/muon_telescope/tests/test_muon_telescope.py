"""MuonTelescope against what can be known of it, and against the contract of all datasets."""

from __future__ import annotations

import numpy as np
import pytest

from muon_telescope import MuonTelescope
from muon_telescope.config import Config
from muon_telescope.simulator import cosines, simulate
from pd4ml.contribute import check_dataset


def test_the_contract() -> None:
    """All that `pd4ml check dataset MuonTelescope` looks at, but for the training."""
    checks = check_dataset(MuonTelescope, n_events=400, workers=1, train=False)
    assert [check for check in checks if check.state in ("failed", "warning")] == []


def test_the_mean_cosine_is_that_of_the_integral() -> None:
    """The density c^(power + 1) on 0 to 1 has the mean (power + 2) / (power + 3)."""
    n = 100_000
    found = cosines((n,), 2.0, np.random.default_rng(1))
    assert found.mean() == pytest.approx(4 / 5, abs=5 * found.std() / np.sqrt(n))


def test_strips_of_a_line_are_never_off_it_by_a_strip() -> None:
    events = simulate(4000, np.random.SeedSequence(1), Config())
    strip = events["deposits"].argmax(axis=2)
    off = np.stack([strip[:, 2 + view] - (strip[:, view] + strip[:, 4 + view]) / 2 for view in (0, 1)])
    assert np.abs(off[:, events["label"] == 1]).max() < 1
    assert np.abs(off[:, events["label"] == 0]).max() > 2


def test_deposits_fluctuate_after_moyal() -> None:
    """Of the deposit without fluctuations, the mean is 1 + width (Euler's constant + ln 2), as of Moyal's density."""
    width = 0.2
    with_, without = (
        np.asarray(simulate(20_000, np.random.SeedSequence(2), Config(fluctuation=w))["deposits"], np.float64)
        for w in (width, 0.0)
    )
    ratio = with_[with_ > 0] / without[without > 0]
    expected = 1 + width * (np.euler_gamma + np.log(2))
    assert ratio.mean() == pytest.approx(expected, abs=5 * ratio.std() / np.sqrt(len(ratio)))
