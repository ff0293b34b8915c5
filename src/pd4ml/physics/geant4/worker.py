"""Geant4's side of the engine: ``python -m pd4ml.physics.geant4.worker`` in a process of its own.

It takes pickled messages on standard input and answers on standard output; all that Geant4 prints goes to standard
error. It ends with its input.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from typing import BinaryIO

__all__ = ["main"]


def main() -> None:
    """Build what the first message says, then answer each (primaries, seeds) with arrays or a line of error."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what C++ prints, too
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        from pd4ml.physics.geant4.simulation import Simulation

        simulation = Simulation(pickle.load(sys.stdin.buffer))
        _answer(channel, simulation.version)
    except Exception as error:  # noqa: BLE001, RUF100
        _answer(channel, error)
        return
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        try:
            _answer(channel, simulation.run(*request))
        except Exception as error:  # noqa: BLE001, RUF100
            _answer(channel, error)
    os._exit(0)  # Geant4's own clean-up trips over objects that Python holds


def _answer(channel: BinaryIO, answer: object) -> None:
    pickle.dump(str(answer) if isinstance(answer, Exception) else [answer], channel)
    channel.flush()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
