"""Ctrl-C before a command is at work: one line, exit code 2, whatever is being imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pd4ml.generation.pool import process_pool
from pd4ml.interrupts import as_interrupts, at_work, end_at_once, kept_from

# Stands for a heavy import: whoever imports it is interrupted then.
SLOW = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise AssertionError('it went on')\n"


@pytest.mark.parametrize("module", ["numpy", "typer"])
def test_while_the_command_is_imported(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(SLOW)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "pd4ml", "list"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "pd4ml: interrupted\n")


def test_in_a_program_of_ones_own_it_is_a_keyboard_interrupt() -> None:
    program = "import os, pd4ml\ntry: os.kill(os.getpid(), 2)\nexcept KeyboardInterrupt: print(1)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_at_work_it_is_a_keyboard_interrupt_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        end_at_once()
        ends = signal.getsignal(signal.SIGINT)
        assert ends is not before
        with pytest.raises(KeyboardInterrupt), at_work():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is ends
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_at_once()  # nohup has decided otherwise
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_is_not_lost_while_an_object_is_forgotten(capfd: pytest.CaptureFixture[str]) -> None:
    """Where Python prints what is raised, and goes on."""

    class Interrupted:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    before, told = signal.getsignal(signal.SIGINT), sys.unraisablehook
    try:
        end_at_once()
        with pytest.raises(KeyboardInterrupt), at_work():
            Interrupted()
            time.sleep(5)
        assert sys.unraisablehook is told
    finally:
        signal.signal(signal.SIGINT, before)
    assert capfd.readouterr().err == ""


def test_it_is_not_lost_in_an_error_that_came_of_it() -> None:
    """As NumPy makes one while a compiled function looks at an array."""
    with pytest.raises(KeyboardInterrupt), as_interrupts():
        try:
            raise KeyboardInterrupt
        except BaseException as error:
            raise ValueError("not a valid format") from error
    with pytest.raises(ValueError, match="another"), as_interrupts():
        raise ValueError("another")


def blocked(_: int) -> bool:
    """Whether Ctrl-C cannot reach this process."""
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_workers_never_hear_of_it_and_their_parent_does() -> None:
    with process_pool(1) as pool:
        assert pool.submit(blocked, 0).result()
    assert not blocked(0)
    with pytest.raises(KeyboardInterrupt), kept_from():
        os.kill(os.getpid(), signal.SIGINT)
