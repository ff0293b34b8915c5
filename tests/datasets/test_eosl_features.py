"""Standardised spectra and their graphs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.eosl.features import features, fit_bins
from pd4ml.datasets.eosl.graph import graphs
from pd4ml.errors import DataError


@pytest.fixture
def spectra() -> NDArray[np.float32]:
    rates = np.linspace(0, 9, 576).reshape(24, 24)
    return np.random.default_rng(1).poisson(rates, (500, 24, 24)).astype(np.float32)


def test_bins_are_standardised(spectra: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch) -> None:
    mean, spread = fit_bins(spectra)
    np.testing.assert_allclose(mean, spectra.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(spread.ravel()[1:], spectra.std(axis=0, dtype=np.float64).ravel()[1:])
    assert spread[0, 0] == 1  # a bin that is always empty
    found = features(spectra, mean, spread)
    assert found.shape == (500, 24, 24, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=0).ravel()[1:], 1, rtol=1e-4)
    monkeypatch.setattr("pd4ml.datasets.eosl.features._CHUNK", 7)
    np.testing.assert_array_equal(fit_bins(spectra)[1], spread)


def test_the_fit_is_that_of_the_train_split(spectra: NDArray[np.float32]) -> None:
    mean, spread = fit_bins(spectra[:100])
    np.testing.assert_allclose(
        features(spectra[100:], mean, spread)[7, 3, 4, 0],
        (spectra[107, 3, 4] - mean[3, 4]) / spread[3, 4],
        rtol=1e-5,
    )


def test_bad_spectra_are_refused(spectra: NDArray[np.float32]) -> None:
    mean, spread = fit_bins(spectra)
    with pytest.raises(DataError, match="expected spectra"):
        features(spectra[:, :20], mean, spread)
    with pytest.raises(DataError, match="float32, found"):
        features(spectra.astype(np.float64), mean, spread)
    for wrong in (-1, np.nan, np.inf):
        bad = spectra.copy()
        bad[17, 3, 3] = wrong
        with pytest.raises(DataError, match="event 17"):
            features(bad, mean, spread)
    with pytest.raises(DataError, match="at least one"):
        fit_bins(spectra[:0])


def test_graphs_are_images(spectra: NDArray[np.float32]) -> None:
    mean, spread = fit_bins(spectra)
    pack = graphs({"pion_spectrum": spectra[:3]}, {"mean": mean, "spread": spread})
    assert len(pack) == 3
    assert pack.nodes.shape == (3 * 576, 1)
    np.testing.assert_array_equal(pack.nodes.reshape(3, 24, 24, 1), features(spectra[:3], mean, spread))
    n_edges = 2 * (2 * 24 * 23 + 2 * 23 * 23)
    assert pack.edge_index.shape == (2, 3 * n_edges)
    row, column = np.divmod(pack.edge_index % 576, 24)
    assert max(np.abs(np.diff(row, axis=0)).max(), np.abs(np.diff(column, axis=0)).max()) == 1
