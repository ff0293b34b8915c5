"""Settings of all tests."""

from __future__ import annotations

import os
import signal

# One thread, here and in processes that tests start: networks this small are slower with more, and very much so
# when something else is running. Before anything loads PyTorch.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from hypothesis import settings  # noqa: E402

# The same examples everywhere: a test that fails fails because of a change. Search for new ones with
# `pytest --hypothesis-profile=search`.
settings.register_profile("same", derandomize=True)
settings.register_profile("search", max_examples=1000)
settings.load_profile("same")

# A shell that starts tests in the background has them ignore Ctrl-C, and all processes that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
