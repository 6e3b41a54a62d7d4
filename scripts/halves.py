"""Runs the tests in two halves at the same time, since most of either waits for something: halves.py [PYTEST OPTIONS].

One half is the tests that run whole benchmarks and a few others, the other is whatever else is in tests/. What the
second says is printed when the first is through, and so is what scripts/beside.sh says: style, types, and what takes
long to make ready, in the time that the tests leave. Ctrl-C ends all, each half with its own clean-up. The exit code is
that of a half that failed, or of what ran beside them.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = [
    *("tests/bench", "tests/history", "tests/packages", "tests/pair", "tests/sweep", "tests/turns", "tests/versus"),
    *("tests/machine/test_cluster.py", "tests/suite/test_custom.py"),
]
BESIDE = ROOT / "scripts" / "beside.sh"
NO_TESTS = 5
PATIENCE = 30
"""Seconds that a half has for its clean-up."""


def halves() -> tuple[list[str], list[str]]:
    """What pytest is told for each: together they are all of tests/, and no file is in both."""
    here = [each for each in BENCHMARKS if (ROOT / each).exists()]
    return here, ["tests", *(f"--ignore={each}" for each in here)]


def start(half: list[str], options: list[str], said: IO[bytes] | None) -> "subprocess.Popen[bytes]":
    """Start one half, in a process group of its own: a signal reaches it once, and by us."""
    command = [sys.executable, "-m", "pytest", *options, *half]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said and subprocess.STDOUT, process_group=0
    )


def start_beside(said: IO[bytes]) -> "list[subprocess.Popen[bytes]]":
    """Start beside.sh at a lower priority than the tests, in a process group of its own."""
    command = ["nice", "sh", str(BESIDE), sys.executable]
    if not BESIDE.exists():
        return []
    return [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, process_group=0)]


def main(options: list[str]) -> int:
    """Run both; returns the exit code."""
    running: list[subprocess.Popen[bytes]] = []
    beside: list[subprocess.Popen[bytes]] = []
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)
        for each in running:
            if len(stopped) == 1:
                each.send_signal(signal.SIGINT)
            elif each.poll() is None:  # asked twice, or it takes too long
                os.killpg(each.pid, signal.SIGKILL)
        for each in beside:
            if each.poll() is None:
                os.killpg(each.pid, signal.SIGTERM)
        signal.alarm(PATIENCE)

    signal.signal(signal.SIGALRM, stop)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A signal that is ignored, as Ctrl-C is in the background, stays so for us, but not for what the tests start.
        ignored = signal.getsignal(number) is signal.SIG_IGN
        signal.signal(number, (lambda *_: None) if ignored else stop)
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as checked:
        first, second = halves()
        for half, output in ((first, None), (second, said)):
            if not stopped:
                running.append(start(half, options, output))
        if not stopped:
            beside += start_beside(checked)
        codes = [each.wait() for each in running]
        besides = [each.wait() for each in beside]
        for output in (said, checked):
            output.seek(0)
            sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    if stopped:
        return 128 + stopped[0]
    failed = [code for code in codes + besides if code not in (0, NO_TESTS)]
    return failed[0] if failed else min(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
