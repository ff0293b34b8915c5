"""What a physicist reads off a pion spectrum: yield, slope in transverse momentum, anisotropic flow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["summary"]

_HARMONICS = (2, 3, 4)


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each spectrum; pT in units of its bins, since its range is unknown for published ones.

    Flow v_n is the length of the mean of exp(i n phi), which fluctuates by 1 / sqrt(pions).
    """
    spectrum = np.asarray(arrays["pion_spectrum"], np.float64)
    n_pt, n_phi = spectrum.shape[1:]
    pt, phi = np.arange(n_pt) + 0.5, (np.arange(n_phi) + 0.5) * 2 * np.pi / n_phi
    per_pt, total = spectrum.sum(axis=2), np.maximum(spectrum.sum(axis=(1, 2)), 1.0)
    mean = per_pt @ pt / total
    columns = {"log_pions": np.log(total), "mean_pt": mean, "variance_pt": per_pt @ pt**2 / total - mean**2}
    thirds = np.array_split(np.arange(n_pt), 3)
    for name, rows in zip(("low", "middle", "high"), thirds, strict=True):
        columns[f"share_{name}_pt"] = per_pt[:, rows].sum(axis=1) / total
    # d ln(dN / pT dpT) / dpT over the upper two thirds of the bins, where the spectrum falls.
    fall = np.concatenate(thirds[1:])
    log_density = np.log((per_pt[:, fall] + 0.5) / pt[fall])
    columns["slope_pt"] = log_density @ (pt[fall] - pt[fall].mean()) / np.square(pt[fall] - pt[fall].mean()).sum()
    for n in _HARMONICS:
        waves = spectrum @ np.exp(1j * n * phi)
        columns[f"v{n}"] = np.abs(waves.sum(axis=1)) / total
        for name, rows in zip(("low", "middle", "high"), thirds, strict=True):
            pions = np.maximum(per_pt[:, rows].sum(axis=1), 1.0)
            columns[f"v{n}_{name}_pt"] = np.abs(waves[:, rows].sum(axis=1)) / pions
    columns["largest_bin"] = spectrum.max(axis=(1, 2))
    return columns
