"""One process writes; others wait for it, and say so."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pd4ml.errors import LockedError, StoreError
from pd4ml.storage.lock import locked, one_writer


def test_another_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entered: list[str] = []

    def second() -> None:
        with one_writer(tmp_path / "jets", "another process is writing jets"):
            entered.append("second")

    with ThreadPoolExecutor(1) as executor:
        with one_writer(tmp_path / "jets", ""):
            waiting = executor.submit(second)
            while "another process is writing jets; waiting" not in capsys.readouterr().err:
                time.sleep(0.01)
            entered.append("first")
        waiting.result()
    assert entered == ["first", "second"]


def test_who_does_not_want_to_wait_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with one_writer(tmp_path / "jets", ""), ThreadPoolExecutor(1) as executor:
        refused = executor.submit(one_writer(tmp_path / "jets", "jets are written", wait=0).__enter__)
        with pytest.raises(LockedError, match="jets are written: try again"):
            refused.result()
    assert not capsys.readouterr().err


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    script = (
        "import sys, time; from pathlib import Path; from pd4ml.storage.lock import locked\n"
        "with locked(Path(sys.argv[1]), ''): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with pytest.raises(LockedError), locked(file, "busy", wait=0):
            pass
        owner.kill()
    with locked(file, "busy", wait=0):
        pass


def test_a_file_that_stands_for_a_lock_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would outlive a killed process."""

    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(StoreError, match="has no file locks"), locked(tmp_path / "lock", "busy"):
        pass
    assert not (tmp_path / "lock").exists()
