"""Hydrodynamics of heavy-ion collisions: equations of state, initial states, ideal fluid, freeze-out, pions.

Units are GeV and fm throughout, c = 1. The modules with kernels import numba and compile at the first call; light
modules import them in functions.
"""
