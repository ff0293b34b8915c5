"""The compiled loops that put candidates together, channel by channel, event by event.

Of each channel the combinations nearest to what is expected are looked at, of each list the most probable are
kept, and B0 are counted that are selected. All momenta are in the centre of mass, in GeV.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.belle.channels import B0, BEAM, EXCESS, FEATURES, GAMMA, MASS, OWN
from pd4ml.datasets.belle.detector import MASSES

__all__ = ["MASKS", "Inputs", "Room", "Table", "combine"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Masks = NDArray[np.uint64]

_E, _MU, _PI, _K, _V0 = range(5)  # the first lists
_HYPOTHESIS = (0, 1, 2, 3, 2)  # of those lists
_LEAST = 0.01, 0.001  # probability in the lists of tracks, pi0, K0S and J/psi, and in those after
_N_PHOTONS, _N_TRIED, _N_KEPT = 20, 20, 10  # photons; combinations of a channel; candidates in a list
_LEAST_M_BC = 5.2  # GeV: of what is ranked
_MASSES = tuple(MASSES)
_MAX_D0, _MAX_Z0 = 2.0, 4.0  # cm: of tracks that are not taken for daughters of a K0S
_N_FEATURES, _DEPTH, MASKS = len(FEATURES), 5, 2
_IMPACT_SCALE = 0.01  # cm

# Lists: p4 (L, n, 4); tracks and photons that are used, as bits (L, n, 2); sign (L, n); (L, n, 3) mass, logarithm
# of the probability, least |d0| of the tracks; number of candidates (L,).
Lists = tuple[Floats, Masks, Ints, Floats, Ints]
# Combinations of a channel: p4, objects used, sign, features, and what they are ranked by, lowest first.
Found = tuple[Floats, Masks, Ints, Floats, Floats]
# Of the first 0, 1, ... daughters: p4, objects used; sums of mass and log probability, least of these and of |d0|.
Stack = tuple[Floats, Masks, Floats]
Inputs = tuple[Ints, Floats, Ints, Floats, Floats, Ints, Floats, float]
Table = tuple[Ints, Ints, Ints, Floats, Floats, Ints, Floats]
Room = tuple[Ints, Floats, Masks, Floats]


@njit(cache=True)
def _worst(keys: Floats) -> int:
    worst = 0
    for i in range(1, len(keys)):
        if keys[i] > keys[worst]:
            worst = i
    return worst


@njit(cache=True)
def _put(
    lists: Lists,
    row: int,
    p4: Floats,
    mask: Masks,
    sign: int,
    own: tuple[float, float, float],
    most: int,
) -> None:
    """Take a candidate into a list of the ``most`` probable."""
    at = lists[4][row]
    if at == most:
        at = _worst(-lists[3][row, :most, 1])
        if own[1] <= lists[3][row, at, 1]:
            return
    else:
        lists[4][row] += 1
    lists[0][row, at], lists[1][row, at], lists[2][row, at] = p4, mask, sign
    for k in range(3):
        lists[3][row, at, k] = own[k]


@njit(cache=True)
def _log_probability(weights: Floats, features: Floats) -> float:
    odds = 0.0
    for k in range(_N_FEATURES):
        odds += weights[k] * features[k]
    return -math.log1p(math.exp(min(-odds, 50.0)))


@njit(cache=True)
def _tracks_and_photons(
    lists: Lists, p4: Floats, charge: Ints, probability: Floats, impact: Floats, photons: Floats, weights: Floats
) -> None:
    """Fill the lists of tracks under each hypothesis and of photons."""
    mask, features = np.zeros(MASKS, np.uint64), np.zeros(_N_FEATURES)
    for i in range(min(len(charge), 64)):
        near = abs(impact[i, 0]) < _MAX_D0 and abs(impact[i, 1]) < _MAX_Z0
        mask[0] = np.uint64(1) << np.uint64(i)
        for row in range(_V0 + 1):
            h = _HYPOTHESIS[row]
            if probability[i, h] > _LEAST[0] and (near or row == _V0):
                own = (_MASSES[h], math.log(probability[i, h]), abs(impact[i, 0]))
                _put(lists, row, p4[i, h], mask, charge[i], own, _N_KEPT)
    mask[0], features[0] = 0, 1.0
    for i in range(min(len(photons), 64)):
        features[5] = math.log(photons[i, 0])
        mask[1] = np.uint64(1) << np.uint64(i)
        own = (0.0, _log_probability(weights, features), 0.0)
        _put(lists, GAMMA, photons[i], mask, 0, own, _N_PHOTONS)


@njit(cache=True)
def _next(lists: Lists, daughters: Ints, signs: Ints, sign: int, most: float, at: Ints, stack: Stack) -> bool:
    """Go to the next combination of a channel's daughters; ``at`` are their places, the last entry the level.

    Some daughters with more than the mass ``most`` already are not looked at further.
    """
    total, used, sums = stack
    level = at[_DEPTH]
    while level >= 0:
        row, i = daughters[level], at[level]
        if i == lists[4][row]:
            level -= 1
            if level >= 0:
                at[level] += 1
            continue
        mask = lists[1][row, i]
        if lists[2][row, i] != sign * signs[level] or (used[level, 0] & mask[0]) | (used[level, 1] & mask[1]):
            at[level] += 1
            continue
        p4 = total[level + 1]
        for k in range(4):
            p4[k] = total[level, k] + lists[0][row, i, k]
        if p4[0] ** 2 - p4[1] ** 2 - p4[2] ** 2 - p4[3] ** 2 > most**2:
            at[level] += 1
            continue
        used[level + 1, 0], used[level + 1, 1] = used[level, 0] | mask[0], used[level, 1] | mask[1]
        own = lists[3][row, i]
        sums[level + 1, 0], sums[level + 1, 1] = sums[level, 0] + own[0], sums[level, 1] + own[1]
        sums[level + 1, 2], sums[level + 1, 3] = min(sums[level, 2], own[1]), min(sums[level, 3], own[2])
        if level + 1 == _DEPTH or daughters[level + 1] < 0:
            at[level] += 1
            at[_DEPTH] = level
            return True
        level += 1
        same = daughters[level] == row and signs[level] == signs[level - 1]  # like daughters in one order only
        at[level] = i + 1 if same else 0
    return False


@njit(cache=True)
def _combine(
    lists: Lists, daughters: Ints, signs: Ints, window: Floats, kind: int, beam: float, found: Found, stack: Stack
) -> int:
    """Find the best combinations of a channel and of its conjugate; return how many there are."""
    p4, used, signs_found, features, keys = found
    n, worst, n_daughters, at = 0, 0, int(np.sum(daughters >= 0)), np.zeros(_DEPTH + 1, np.int64)
    total, mask, sums = stack[0][n_daughters], stack[1][n_daughters], stack[2][n_daughters]
    most = window[2] if kind in (MASS, OWN) else np.inf
    for sign in (1, -1):
        if kind == OWN and sign < 0:
            break
        at[:] = 0
        while _next(lists, daughters, signs, sign, most, at, stack):
            momentum2 = total[1] ** 2 + total[2] ** 2 + total[3] ** 2
            if kind == BEAM:
                value, key = total[0] - beam, -sums[1]
                good = beam**2 - momentum2 > _LEAST_M_BC**2
            else:
                value = math.sqrt(max(total[0] ** 2 - momentum2, 0.0)) - (sums[0] if kind == EXCESS else 0.0)
                key, good = abs(value - window[0]), True
            if not good or value < window[1] or value > window[2]:
                continue
            if n == _N_TRIED and key >= keys[worst]:
                continue
            place = n if n < _N_TRIED else worst
            n = min(n + 1, _N_TRIED)
            p4[place], used[place], keys[place] = total, mask, key
            worst = _worst(keys) if n == _N_TRIED else 0
            signs_found[place] = 0 if kind == OWN else sign
            away = value - window[0]
            features[place, 0], features[place, 1], features[place, 2] = 1.0, sums[1], sums[2]
            features[place, 3], features[place, 4] = math.log1p((away / window[3]) ** 2), abs(away)
            features[place, 5] = 0.0 if kind == BEAM else math.sqrt(momentum2)  # that of a B is told by its M_bc
            features[place, 6] = math.log1p(min(sums[3], 1e3) / _IMPACT_SCALE)
    return n


@njit(cache=True)
def _keep(lists: Lists, mother: int, kind: int, nominal: float, weights: Floats, found: Found, n: int) -> None:
    """Take the more probable of ``n`` candidates into their mother's list; K0S and pi0 get their nominal mass."""
    p4, used, signs, features, _ = found
    least = math.log(_LEAST[0] if kind == OWN else _LEAST[1])
    for i in range(n):
        log_probability = _log_probability(weights, features[i])
        if log_probability > least:
            mass = math.sqrt(p4[i, 0] ** 2 - features[i, 5] ** 2)
            if kind == OWN:
                p4[i], mass = p4[i] * nominal / mass, nominal
            _put(lists, mother, p4[i], used[i], signs[i], (mass, log_probability, np.inf), _N_KEPT)


@njit(cache=True)
def _choose(
    channel: int,
    weights: Floats,
    found: Found,
    n: int,
    beam: float,
    cuts: Floats,
    numbers: Ints,
    values: Floats,
    masks: Masks,
) -> None:
    """Count the B0 that are selected among ``n`` candidates of a channel, and note the most probable of all."""
    p4, used, _, features, _ = found
    for i in range(n):
        probability = math.exp(_log_probability(weights, features[i]))
        momentum2 = p4[i, 1] ** 2 + p4[i, 2] ** 2 + p4[i, 3] ** 2
        m_bc, delta_e = math.sqrt(beam**2 - momentum2), p4[i, 0] - beam
        if m_bc > cuts[0] and abs(delta_e) < cuts[1] and probability > cuts[2]:
            numbers[0] += 1
            if probability > values[0]:
                numbers[1] = channel
                values[0], values[1], values[2] = probability, m_bc, delta_e
                masks[:] = used[i]


@njit(cache=True)
def combine(
    inputs: Inputs,
    table: Table,
    cuts: Floats,
    numbers: Ints,
    values: Floats,
    masks: Masks,
    wanted: int,
    room: Room,
) -> int:
    """Fill the rows of all events, and ``room`` with candidates of the list ``wanted``; return how many."""
    track_offsets, tracks, charge, probability, impact, photon_offsets, photons, beam = inputs
    mothers, daughters, signs, weights, windows, kinds, photon_weights = table
    n_lists, filled = B0 + 1, 0
    lists = (
        np.zeros((n_lists, _N_TRIED, 4)),
        np.zeros((n_lists, _N_TRIED, MASKS), np.uint64),
        np.zeros((n_lists, _N_TRIED), np.int64),
        np.zeros((n_lists, _N_TRIED, 3)),
        np.zeros(n_lists, np.int64),
    )
    found = (
        np.zeros((_N_TRIED, 4)),
        np.zeros((_N_TRIED, MASKS), np.uint64),
        np.zeros(_N_TRIED, np.int64),
        np.zeros((_N_TRIED, _N_FEATURES)),
        np.zeros(_N_TRIED),
    )
    stack = (np.zeros((_DEPTH + 1, 4)), np.zeros((_DEPTH + 1, MASKS), np.uint64), np.zeros((_DEPTH + 1, 4)))
    stack[2][0, 3] = np.inf
    first = int(np.searchsorted(mothers, B0))
    for event in range(len(numbers)):
        here, clusters = (
            slice(track_offsets[event], track_offsets[event + 1]),
            slice(photon_offsets[event], photon_offsets[event + 1]),
        )
        lists[4][:], numbers[event, 1] = 0, -1
        _tracks_and_photons(
            lists, tracks[here], charge[here], probability[here], impact[here], photons[clusters], photon_weights
        )
        for c in range(len(mothers)):
            mother = mothers[c]
            if wanted >= 0 and mother > wanted:
                break
            n = _combine(lists, daughters[c], signs[c], windows[c], kinds[c], beam, found, stack)
            if mother == wanted:
                for i in range(min(n, len(room[0]) - filled)):
                    room[0][filled, 0], room[0][filled, 1], room[0][filled, 2] = event, c, found[2][i]
                    room[1][filled], room[2][filled], room[3][filled] = found[3][i], found[1][i], found[0][i]
                    filled += 1
            elif mother == B0:
                _choose(c - first, weights[c], found, n, beam, cuts, numbers[event], values[event], masks[event])
            else:
                _keep(lists, mother, kinds[c], windows[c, 0], weights[c], found, n)
    return filled
