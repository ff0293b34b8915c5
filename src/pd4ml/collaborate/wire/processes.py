"""Server and sites on one machine: each learner a process of its own, which ends when this one does."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pd4ml.collaborate.ledger import COORDINATOR, Signer
from pd4ml.collaborate.rounds import KEY
from pd4ml.collaborate.wire.hub import Hub
from pd4ml.collaborate.wire.kits import Kit, make_kits
from pd4ml.collaborate.wire.site import Offer, run_site
from pd4ml.errors import DataError

if TYPE_CHECKING:
    from pd4ml.collaborate.network import NetworkLearner

__all__ = ["free_port", "local_hub", "site_process"]

_KITS, _LOG = "kits", "site.log"
_SITE = "from pd4ml.collaborate.wire.processes import _site_main; _site_main()"
_TIMEOUT = 3600.0  # seconds of a call on this machine, where a process that is gone is noticed at once


@contextmanager
def local_hub(folder: Path, learners: Sequence[NetworkLearner]) -> Iterator[Hub]:
    """Sites for ``learners`` below ``folder``, where their keys and ledgers are, ready to be asked."""
    own = folder / COORDINATOR
    own.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / _KITS, ignore_errors=True)  # ports and certificates are those of one run
    names = [one.name for one in learners]
    kits = make_kits(folder / _KITS, names, port=free_port(), signer=Signer(COORDINATOR, own / KEY))
    first, job = learners[0], dict[str, Any](features=learners[0].view.to_json())
    job |= {"dataset": first.sample.card.name, "recipe": first.recipe.to_dict()}
    with ExitStack() as stack:
        hub = stack.enter_context(Hub(Kit.read(kits[0]), folder, _TIMEOUT))
        running = []
        for one, kit in zip(learners, kits[1:], strict=True):
            offer = Offer(one.sample, one.recipe, one.threads)
            running.append(stack.enter_context(site_process(kit, offer, folder / one.name)))

        def check() -> None:
            for name, process in zip(names, running, strict=True):
                if process.poll() is not None:
                    raise DataError(f"the process of {name} ended: {folder / name / _LOG} says why")

        hub.gather(check)
        hub.begin(hub.sites, {**job, "seed": first.seed, "epochs": first.epochs})
        yield hub


@contextmanager
def site_process(kit: Path, offer: Offer, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes part as `run_site` does; what it prints is in ``site.log``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _SITE],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # Ctrl-C is for the server, which ends its sites
        )
    try:
        assert process.stdin is not None
        pickle.dump((kit, offer, folder), process.stdin)  # to a process of our own
        process.stdin.flush()
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def _site_main() -> None:
    """The process of a site: what it is to do comes on standard input, whose end means that nobody is there."""
    from pd4ml.plugins import load_plugins

    load_plugins()
    kit, offer, folder = pickle.load(sys.stdin.buffer)

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    run_site(Kit.read(kit), offer, folder)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
