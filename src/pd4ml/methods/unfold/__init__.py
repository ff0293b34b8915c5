"""Unfolding: what was there before the detector, from what was measured and a simulation of both levels.

`ibu` is binned, `omnifold` reweighs the simulation's events, `spinup` fits a flow through a learned detector,
`neural_empirical_bayes` does so through a known one. Their modules are imported by name: some load torch.
"""
