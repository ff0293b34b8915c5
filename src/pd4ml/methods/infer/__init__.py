"""A parameter from many events: posteriors of sets, whether they can be trusted, which design tells most.

``sets`` makes sets of events that share a value, ``pairs`` learns the posterior of it (arXiv:2605.07972),
``bounds`` are what it is held against, ``diagnostics`` says whether it is right, ``design`` how much is learnt.
Arrays in, arrays out; `pairs` and `flow` load torch, nothing else here does.
"""
