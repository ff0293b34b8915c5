"""The seven features of a jet's constituents that ParticleNet uses (arXiv:1902.08570), relative to the jet's axis.

This module imports numba, and what it compiles at the first call is cached; light modules import it in functions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.errors import DataError
from pd4ml.graphs.blocks import over_blocks

__all__ = ["COORDINATES", "FEATURES", "MAX_NODES", "features"]

FEATURES = ("log_pt", "log_energy", "delta_eta", "delta_phi", "log_pt_rel", "log_energy_rel", "delta_r")
# The features in which neighbours are sought.
COORDINATES = slice(2, 4)
MAX_NODES = 100

# A constituent with pT below energy / cosh(10) is taken to have that pT, which bounds |eta| by 10: beyond every
# detector, and beyond the rapidity of the beam, arcosh(7,000 / 0.938) = 9.6.
_LEAST_PT = 1 / math.cosh(10)
# Makes 0 / 0 a 0; nothing that a float32 can hold is that small when squared and multiplied.
_TINY = 1e-300
_SQRT_HALF_BITS = int(np.array(math.sqrt(0.5)).view(np.int64))
_LN_2 = math.log(2)
_VECTOR = 8
_WIDTH = (1 + MAX_NODES + _VECTOR - 1) // _VECTOR * _VECTOR


def features(constituents: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Compute the features of the leading ``MAX_NODES`` constituents of each jet, packed.

    constituents: (N, 200, 4) float32, (E, px, py, pz) in GeV, pT-sorted; rows of zeros are padding.

    Returns nodes (sum P, 7) float32 and offsets (N + 1,) int64; jet n owns ``nodes[offsets[n]:offsets[n + 1]]``.
    The features are ``FEATURES``: log pT, log E (in GeV), delta_eta and delta_phi to the jet, log pT / pT(jet),
    log E / E(jet) and delta_r. The jet is the sum of all its constituents, in float64; delta_eta is multiplied by
    the sign of the jet's eta (+ for 0), delta_phi lies in [-pi, pi). A constituent, or jet, along the beam is put
    at |eta| = 10, pT = E / cosh(10); without any pT its phi is 0 for a jet and the jet's for a constituent.

    Raises DataError for another shape or dtype, and for NaN, infinity or a negative energy.
    """
    constituents = np.asarray(constituents)
    if constituents.ndim != 3 or constituents.shape[2] != 4 or constituents.dtype != np.float32:
        message = (
            "expected constituents (N, 200, 4) of float32, (E, px, py, pz) in GeV, "
            f"found {constituents.shape} of {constituents.dtype}"
        )
        raise DataError(message)
    offsets = np.zeros(len(constituents) + 1, np.int64)

    def jets(first: int, last: int) -> NDArray[np.float32]:
        # One type for the compiler, whether the array is memory-mapped, writeable or a slice.
        block = np.require(constituents[first:last], requirements=["C", "A"]).view()
        block.flags.writeable = False
        return block

    def count(first: int, last: int) -> None:
        _count(jets(first, last), offsets[1 + first : 1 + last])

    def compute(first: int, last: int) -> None:
        bad = int(_features(jets(first, last), nodes[offsets[first] : offsets[last]]))
        if bad >= 0:
            jet, row = divmod(first * constituents.shape[1] + bad, constituents.shape[1])
            message = (
                f"jet {jet}: constituent {row} is (E, px, py, pz) = {constituents[jet, row].tolist()}, "
                "expected finite numbers with E > 0, or zeros for padding"
            )
            raise DataError(message)

    # Counting first, which takes little, lets every block write to where its nodes belong.
    over_blocks(count, len(constituents))
    np.cumsum(offsets, out=offsets)
    nodes = np.empty((offsets[-1], len(FEATURES)), np.float32)
    over_blocks(compute, len(constituents))
    return nodes, offsets


@njit(cache=True, nogil=True)
def _count(constituents: NDArray[np.float32], sizes: NDArray[np.int64]) -> None:
    """Fill the number of nodes of each jet."""
    for jet in range(len(constituents)):
        n = 0
        for row in range(constituents.shape[1]):
            n += constituents[jet, row, 0] != 0
        sizes[jet] = min(n, MAX_NODES)


@njit(cache=True, nogil=True)
def _gather(constituents: NDArray[np.float32], p4: NDArray[np.float64]) -> int:
    """Copy the leading constituents of a jet to ``p4`` (4, 1 + MAX_NODES), behind the sum of all of them.

    Returns their number, or -1 - row for a row that is neither a particle nor padding.
    """
    energy, px, py, pz, n = 0.0, 0.0, 0.0, 0.0, 0
    for row in range(len(constituents)):
        e, x, y, z = constituents[row, 0], constituents[row, 1], constituents[row, 2], constituents[row, 3]
        if e == 0 and x == 0 and y == 0 and z == 0:
            continue
        if not (e > 0 and np.float64(e) + abs(x) + abs(y) + abs(z) < np.inf):  # false for NaN, too
            return -1 - row
        energy += e
        px += x
        py += y
        pz += z
        if n < MAX_NODES:
            n += 1
            p4[0, n], p4[1, n], p4[2, n], p4[3, n] = e, x, y, z
    p4[0, 0], p4[1, 0], p4[2, 0], p4[3, 0] = energy, px, py, pz
    return n


@njit(cache=True, nogil=True)
def _series(square: float, n_terms: int) -> float:
    """1 + square / 3 + square^2 / 5 + ...: artanh(z) / z for square = z^2, arctan(z) / z for square = -z^2."""
    value = 0.0
    for n in range(n_terms - 1, -1, -1):
        value = value * square + 1 / (2 * n + 1)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _log(value: NDArray[np.float64], n: int, scratch: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Natural logarithm of the first n positive numbers, in a form that becomes vectors (libm's is scalar).

    value = 2^exponent m with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh((m - 1) / (m + 1)), |argument| < 0.172.
    """
    bits, mantissa = value.view(np.int64), scratch.view(np.float64)
    for i in range(n):
        exponent = (bits[i] - _SQRT_HALF_BITS) >> 52
        scratch[i] = bits[i] - (exponent << 52)
        out[i] = np.int32(exponent)
    for i in range(n):
        z = (mantissa[i] - 1) / (mantissa[i] + 1)
        out[i] = out[i] * _LN_2 + 2 * z * _series(z * z, 8)


@njit(cache=True, nogil=True, error_model="numpy")
def _angle(
    px: NDArray[np.float64], py: NDArray[np.float64], x: float, y: float, n: int, out: NDArray[np.float64]
) -> None:
    """Angle from the direction (x, y) to the first n of (px, py), in [-pi, pi); 0 for a vector of no length.

    The angle a in [0, pi / 2] to the nearer one of +-(x, y) comes from tan(a / 2), whose angle is halved once
    more: the argument of the series is below tan(pi / 8).
    """
    for i in range(n):
        along, across = x * px[i] + y * py[i], x * py[i] - y * px[i]
        half = abs(across) / (abs(along) + math.sqrt(along * along + across * across) + _TINY)
        quarter = half / (1 + math.sqrt(1 + half * half))
        angle = 4 * quarter * _series(-quarter * quarter, 14)
        angle = math.pi - angle if along < 0 else angle
        out[i] = angle if across > 0 else 0.0 - angle


@njit(cache=True, nogil=True, error_model="numpy")
def _features(constituents: NDArray[np.float32], nodes: NDArray[np.float32]) -> int:
    """Fill ``nodes``; return -1, or the number of the first bad row among those of all jets."""
    # Column 0 is the jet: what is computed alike cancels exactly for a jet of one constituent. Rows of constant
    # length in one array let the compiler see that they do not overlap. What is left there from an earlier jet
    # is finite and is not used.
    p4, work, node = np.ones((4, _WIDTH)), np.ones((3, _WIDTH)), np.ones((len(FEATURES), _WIDTH))
    scratch = np.empty(_WIDTH, np.int64)
    n_rows: int = constituents.shape[1]
    first = 0
    for jet in range(len(constituents)):
        n = _gather(constituents[jet], p4)
        if n < 0:
            return jet * n_rows - n - 1
        if n == 0:
            continue
        padded = (1 + n + _VECTOR - 1) // _VECTOR * _VECTOR
        for i in range(padded):
            pt = max(math.sqrt(p4[1, i] * p4[1, i] + p4[2, i] * p4[2, i]), p4[0, i] * _LEAST_PT)
            work[0, i] = pt
            work[1, i] = abs(p4[3, i]) + math.sqrt(pt * pt + p4[3, i] * p4[3, i])
        _log(work[0], padded, scratch, node[0])
        _log(p4[0], padded, scratch, node[1])
        _log(work[1], padded, scratch, work[2])
        for i in range(padded):  # |eta| = artanh(|pz| / |p|) = log((|pz| + |p|) / pT)
            eta = work[2, i] - node[0, i]
            node[2, i] = -eta if p4[3, i] < 0 else eta
        no_axis = p4[1, 0] == 0 and p4[2, 0] == 0
        _angle(p4[1], p4[2], 1.0 if no_axis else p4[1, 0], p4[2, 0], padded, node[3])
        jet_log_pt, jet_log_energy, jet_eta = node[0, 0], node[1, 0], node[2, 0]
        sign = -1.0 if jet_eta < 0 else 1.0
        for i in range(padded):
            node[2, i] = sign * (node[2, i] - jet_eta)
            node[4, i] = node[0, i] - jet_log_pt
            node[5, i] = node[1, i] - jet_log_energy
            node[6, i] = math.sqrt(node[2, i] * node[2, i] + node[3, i] * node[3, i])
        for i in range(n):
            for feature in range(len(FEATURES)):
                nodes[first + i, feature] = node[feature, 1 + i]
        first += n
    return -1
