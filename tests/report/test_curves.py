from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_curve

from pd4ml.metrics.by_task import metrics
from pd4ml.report.curves import SIGNAL_EFFICIENCY, binned_residuals, confusion, roc_band
from pd4ml.report.runs import Outputs


def sample(n: int, seed: int, shift: float = 1.5) -> Outputs:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    return Outputs(rng.normal(truth * shift - shift / 2), truth)


def test_the_curve_is_that_of_scikit_learn() -> None:
    # With 2,003 signal events no efficiency below 1 falls on a step, where the curve is not a function.
    one = sample(4006, 1)
    fpr, tpr, _ = roc_curve(one.truth, one.output, drop_intermediate=False)
    expected = np.interp(SIGNAL_EFFICIENCY, tpr, fpr)
    np.testing.assert_allclose(roc_band([one]).background[:-1], expected[:-1], atol=1e-9)


def test_the_band_covers_and_narrows_with_more_events() -> None:
    few, many = (roc_band([sample(n, 2)]) for n in (400, 40_000))
    middle = np.abs(SIGNAL_EFFICIENCY - 0.5).argmin()
    assert few.low[middle] < few.background[middle] < few.high[middle]
    ratio = (few.high - few.low)[middle] / (many.high - many.low)[middle]
    assert 5 < ratio < 20  # sqrt(100)
    assert many.n_background == 20_000


def test_curves_and_tables_have_limits_at_the_same_points() -> None:
    """A value where one event passes, ties and weights counted; none where fewer do."""
    truth = np.repeat([1, 0, 1, 0], [40, 1, 60, 199])
    band = roc_band([Outputs(np.repeat([3.0, 2.0, 1.0, 0.0], [40, 1, 60, 199]), truth)])
    measured = metrics("classification", np.repeat([3.0, 2.0, 1.0, 0.0], [40, 1, 60, 199]), truth)
    for at in (0.3, 0.5, 0.8):
        place = np.abs(SIGNAL_EFFICIENCY - at).argmin()
        assert band.seen[place] == (not measured[f"background_rejection_{at}"].lower_limit)
    assert band.seen.tolist() == (SIGNAL_EFFICIENCY > 0.4 + 1e-9).tolist()


def test_the_band_holds_the_spread_between_trainings() -> None:
    good, bad = sample(20_000, 3, 2.5), sample(20_000, 3, 0.5)
    middle = np.abs(SIGNAL_EFFICIENCY - 0.5).argmin()
    alone, both = roc_band([good]), roc_band([good, bad])
    assert both.high[middle] - both.low[middle] > 10 * (alone.high - alone.low)[middle]


def test_events_of_a_group_are_drawn_together() -> None:
    """Ten copies of each event tell no more than one of each."""
    one = sample(2000, 6)
    copies = Outputs(np.repeat(one.output, 10), np.repeat(one.truth, 10), np.repeat(np.arange(2000), 10))
    middle = np.abs(SIGNAL_EFFICIENCY - 0.5).argmin()
    plain, grouped, wrong = (
        band.high[middle] - band.low[middle]
        for band in (roc_band([one]), roc_band([copies]), roc_band([Outputs(copies.output, copies.truth)]))
    )
    assert grouped == pytest.approx(plain, rel=0.4)
    assert wrong < 0.6 * plain


def test_confusion_is_that_of_scikit_learn() -> None:
    one = sample(500, 4)
    np.testing.assert_array_equal(confusion([one]), confusion_matrix(one.truth, one.output > 0))
    np.testing.assert_array_equal(confusion([one, one]), 2 * confusion([one]))


def test_bias_and_resolution_of_known_residuals() -> None:
    rng = np.random.default_rng(5)
    truth = rng.uniform(600, 1000, 20_000)
    output = truth + rng.normal(np.where(truth > 800, 20, -10), 30)
    binned = binned_residuals([Outputs(output, truth), Outputs(output + 2, truth)])
    upper = binned.centre - binned.width > 800
    assert binned.bias[upper] == pytest.approx(21, abs=4)
    assert binned.bias[~upper][:-1] == pytest.approx(-9, abs=4)
    assert binned.resolution[upper] == pytest.approx(30, rel=0.1)
    # n = 2,000 events a bin; two trainings on the same events tell no more than one.
    assert np.median(binned.bias_error) == pytest.approx(30 / np.sqrt(2000), rel=0.2)


def test_too_few_events_have_no_bins() -> None:
    assert binned_residuals([Outputs(np.ones(6), np.arange(6.0))] * 2).bias.shape == (0,)
