"""Temperature and isotonic regression on logits whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from pd4ml.errors import DataError
from pd4ml.methods.calibration import fit_isotonic, fit_temperature, log_losses
from pd4ml.metrics.classification import sigmoid

RNG = np.random.default_rng(3)
TRUE = RNG.normal(0, 2, 6000)
LABELS = (RNG.random(6000) < sigmoid(TRUE)).astype(int)


def test_the_temperature_that_logits_were_multiplied_with_is_found() -> None:
    found = fit_temperature(2.5 * TRUE, LABELS)
    assert found.error is not None
    assert abs(found.value - 2.5) < 3 * found.error < 0.4
    again = fit_temperature(2.5 * TRUE / found.value, LABELS)
    assert again.value == pytest.approx(1, abs=1e-4)
    losses = [log_losses(2.5 * TRUE / t, LABELS).mean() for t in (0.98, 1, 1.02) * np.array(found.value)]
    assert losses[1] < min(losses[0], losses[2])


def test_two_classes_are_a_case_of_more() -> None:
    both = np.stack([np.zeros(6000), 2 * TRUE], axis=1)
    np.testing.assert_allclose(log_losses(both, LABELS), log_losses(2 * TRUE, LABELS), rtol=1e-9, atol=1e-12)
    assert fit_temperature(both, LABELS).value == pytest.approx(fit_temperature(2 * TRUE, LABELS).value, rel=1e-4)


def test_weights_count_events_and_groups_widen_the_error() -> None:
    twice = np.repeat(np.arange(3000), 2)
    weight = np.where(np.arange(6000) < 3000, 2.0, 0.0)
    weighted = fit_temperature(2 * TRUE, LABELS, weight=weight)
    copied = fit_temperature(2 * TRUE[:3000][twice], LABELS[:3000][twice])
    grouped = fit_temperature(2 * TRUE[:3000][twice], LABELS[:3000][twice], group=twice)
    assert weighted.value == pytest.approx(copied.value, rel=1e-4)
    assert (grouped.error or 0) == pytest.approx(np.sqrt(2) * (copied.error or 0), rel=0.35)


def test_isotonic_regression_finds_any_rising_curve() -> None:
    bent = np.sign(TRUE) * np.abs(TRUE) ** 1.7
    fit = fit_isotonic(bent, LABELS)
    assert (np.diff(fit["p"]) >= 0).all()
    assert fit["p"].min() >= 1 / 6002
    grid = np.linspace(-3, 3, 13)
    found = np.interp(np.sign(grid) * np.abs(grid) ** 1.7, fit["x"], fit["p"])
    np.testing.assert_allclose(found, sigmoid(grid), atol=0.08)
    with pytest.raises(DataError, match="for two classes, found 3: take temperature"):
        fit_isotonic(np.zeros((5, 3)), np.zeros(5, int))


def test_logits_that_no_temperature_calibrates_are_refused() -> None:
    with pytest.raises(DataError, match="no temperature calibrates them"):
        fit_temperature(np.where(LABELS == 1, 9.0, -9.0), LABELS)
