"""A terminal shows the table filling in, and is left clean; what is drawn costs next to nothing."""

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from asgi_anatomy.bench.run import LAST
from asgi_anatomy.documents.store import read_record
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.estimate import ROUNDS
from asgi_anatomy.turns.record import Bench as Record
from asgi_anatomy.turns.session import SHARE, Display
from tests.conftest import Bench, processes, require_tool, wait_for

SIZE = (30, 90)
CODE = re.compile(r"\x1b\[(\??\d*(?:;\d+)*)([A-Za-z])")


def screen(text: str) -> list[str]:
    """What a terminal shows after this: of its codes, those that rich's displays use."""
    lines, row, place = [""], 0, 0
    while place < len(text):
        found = CODE.match(text, place)
        if found and found[2] == "A":
            row -= int(found[1] or 1)
        elif found and found[2] == "K":
            lines[row] = ""
        elif text[place] == "\n":
            row += 1
            lines += [""] * (row >= len(lines))
        elif text[place] == "\r":
            lines[row] = lines[row] if text.startswith("\r\n", place) else ""
        elif not found:
            lines[row] += text[place]
        place = found.end() if found else place + 1
    return [line for line in lines if line.strip()]


class Terminal:
    """A pseudo-terminal with a bench in it."""

    def __init__(self, *arguments: object) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.text = ""
        self.decode = codecs.getincrementaldecoder("utf-8")().decode  # what is read may end within a character
        self.run = subprocess.Popen(
            [sys.executable, "-m", "asgi_anatomy", *map(str, arguments)],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env={**os.environ, "TERM": "xterm"},
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self.master, False)

    def shows(self, what: str) -> bool:
        """Whether this has been on the screen by now."""
        try:
            while data := os.read(self.master, 1 << 16):
                self.text += self.decode(data)
        except BlockingIOError:
            pass
        except OSError:  # it has ended
            self.run.wait()
        return what in self.text

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def until_it_ends(self) -> int:
        """Its exit code."""
        assert wait_for(lambda: self.shows("\0") or self.run.poll() is not None, 60)
        self.shows("")
        os.close(self.master)
        return self.run.wait()


def test_the_table_fills_in_and_ctrl_c_leaves_a_clean_terminal(tmp_path: Path) -> None:
    require_tool("wrk")
    options = ("--layers", "asyncio uvicorn", "--budget", 90, "--results", tmp_path / "results")
    terminal = Terminal("bench", *options)
    assert wait_for(lambda: terminal.shows("round 2: turns"), 40), terminal.text
    terminal.type(b"\x03")
    assert terminal.until_it_ends() == 130
    _, *moments = (screen(terminal.text[: found.start()]) for found in re.finditer(r"round \d+: ", terminal.text))
    shown_costs = [line.split()[3] for line in moments[-1] if line.startswith("asyncio")]
    assert float(shown_costs[0]) > 0, "CPU µs is there before the run has ended"
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l"), "the cursor is back"
    shown = screen(terminal.text)
    assert not [line for line in shown if "━━" in line or re.search(r"round \d+: ", line)]
    assert sum(line.startswith("asyncio") for line in shown) == 1, "nothing of the display is left"
    assert max(len(line) for line in shown if not line.startswith("Record: ")) <= SIZE[1]
    assert not processes(tmp_path)


@pytest.mark.all
def test_a_run_ends_when_every_decay_is_known(bench: Bench, tmp_path: Path) -> None:
    options = ("--layers", "asyncio uvicorn", "--budget", 90, "--results", tmp_path / "results")
    done = bench("bench", *options, "--precision", 20)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results").glob("*.json")
    record = read_record(path, Record)
    low, high = figures(record)
    assert high.decay
    assert high.decay_low is not None
    assert high.decay_high is not None
    assert high.decay_low < high.decay < high.decay_high <= high.decay_low + 40
    assert low.plain_rps_low
    assert low.plain_rps
    assert low.plain_rps_high
    assert low.plain_rps_low <= low.plain_rps <= low.plain_rps_high
    assert 0 < (low.p50_us or 0) < (low.p99_us or 0)
    assert len(record.rounds) == ROUNDS + LAST
    assert {window.round for window in record.windows} == {ROUNDS, ROUNDS + 1}
    for window in record.windows:
        assert not window.fault
        assert window.server_cpu_ns
        assert window.client_cpu_ns
        assert window.client_sleeps
        assert window.peak_bytes
        assert window.switches is not None
    assert record.seconds
    assert record.seconds < 60


def test_drawing_is_rare_where_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    drawn = []

    def table(width: int) -> str:
        drawn.append(width)
        sum(range(300_000))
        return "layer"

    with os.fdopen(slave, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        display = Display(10)
        display.draw(table)
        display.draw(table)
        assert drawn == [display.console.width], "a second time at once is too much"
        display.began -= 2 * display.last / SHARE
        display.draw(table)
        assert len(drawn) == 2
        display.close()
        assert 0 < display.drawing < SHARE * (time.monotonic() - display.began)
    os.close(master)


def test_a_signal_is_not_lost_to_a_terminal_that_is_gone() -> None:
    """What rich does on the way out fails to write, and that failure must not take the place of the signal's."""
    script = """
import os, pty, signal
from asgi_anatomy.turns.session import Display
from asgi_anatomy.machine.signals import stop_on_signals
master, slave = pty.openpty()
os.dup2(slave, 2)
os.close(slave)
display = Display(10)
display.tell("a round", 1)
class Signalled(type(display.bar)):
    def __rich__(self):
        os.close(master)
        os.kill(os.getpid(), signal.SIGTERM)
        return super().__rich__()
display.bar.__class__ = Signalled
stop_on_signals()
display.tell("another", 2)
os.write(1, b"the signal was lost")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, timeout=20, check=False)
    assert done.stdout == b""
    assert done.returncode == 1


def test_a_first_round_that_takes_longer_than_the_budget(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(10)
    display.tell("round 1", 9)
    display.tell("round 1", 18)
    assert capsys.readouterr().err.splitlines() == ["   9 s of 10 s: round 1", "  18 s: round 1"]
