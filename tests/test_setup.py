"""The Makefile and the set-up scripts, as a shell runs them."""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import click
import pytest

from asgi_anatomy.cli import PLACES, load
from asgi_anatomy.documents.document import WIDEST
from asgi_anatomy.options import name_of
from asgi_anatomy.packages import uv
from asgi_anatomy.suite.layers import ROOT, Layer
from tests.conftest import Bench

pytestmark = pytest.mark.faults


def sh(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_make_alone_says_what_there_is_and_needs_no_environment(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    said = sh("make", "-C", str(tmp_path), "--no-print-directory")
    assert (said.returncode, said.stderr) == (0, "")
    assert max(map(len, said.stdout.splitlines())) <= 80
    named = set(re.findall(r"\b(setup|clean|test-all|test-faults|test|tools|lock)\b(?!-)", said.stdout))
    rules = set(re.findall("^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert rules - {"default", "venv"} == named | {"help"}


def test_help_lists_each_command_on_a_line(quick_bench: Bench) -> None:
    said = quick_bench("--help").stdout
    assert max(map(len, said.splitlines())) <= 80
    listed = re.findall(r"^  ([a-z-]+) {2,}\S.*(?<![.][.])$", said, re.MULTILINE)
    assert listed == [*PLACES], "each with a sentence that fits its line"


@pytest.mark.parametrize("name", PLACES)
def test_help_of_a_command(quick_bench: Bench, name: str) -> None:
    said = quick_bench(name, "--help").stdout
    assert max(map(len, said.splitlines())) <= 80
    options = [each for each in load(name).params if isinstance(each, click.Option)]
    assert re.findall(r"^  ([A-Z_]+)(?:  |$)", said, re.MULTILINE) == [name_of(each) for each in options]
    assert all(each.help for each in options)
    assert "Exit codes: 0 " in said


def test_help_has_defaults_ranges_and_exit_codes(quick_bench: Bench) -> None:
    said = " ".join(quick_bench("pair", "--help").stdout.split())
    assert "BUDGET Time limit in seconds; the first round always finishes (1 to 1,000,000) [60]" in said
    assert "0 same or faster, 1 a layer or the run failed, 2 bad input, 3 slower, 4 unclear, 128 + n" in said


def test_words_are_options(quick_bench: Bench) -> None:
    plain = quick_bench("table", "--format", "csv", "--wide").stdout
    assert plain == quick_bench("table", "FORMAT=csv", "WIDE=1").stdout != quick_bench("table", "WIDE=1").stdout
    assert quick_bench("table", "WIDE=0", "FORMAT=", "BASELINE= ").stdout == quick_bench("table").stdout
    assert "no Python at FORMAT=csv" not in quick_bench("table", "--record", "FORMAT=csv").stderr
    assert "unknown layer 'mine'" in quick_bench("check-layer", "LAYER=mine").stderr
    assert "FORMAT=csv" in quick_bench("table", "--record", "FORMAT=csv").stderr, "the value of an option is no word"


def test_an_empty_number_is_named(quick_bench: Bench) -> None:
    assert quick_bench("bench", "BUDGET=", "LADDER=none").stderr.startswith("note: BUDGET= is empty")


def test_a_folder_is_its_newest_record(quick_bench: Bench) -> None:
    folder = "results/reference/default"
    (path,) = (ROOT / folder).glob("*-bench.json")
    whole = quick_bench("table", f"RECORD={folder}").stdout
    assert whole == quick_bench("table", f"RECORD={path.relative_to(ROOT)}").stdout
    words = ("diff", "A=uvicorn", "B=fastapi")
    assert quick_bench(*words, f"RECORD={folder}").stdout.startswith("fastapi makes ")
    assert quick_bench("anatomy", f"RECORD={folder}").stdout.startswith("A request to fastapi takes ")


def test_a_verdict_under_make_is_not_taken_for_a_failure(quick_bench: Bench) -> None:
    records = sorted((ROOT / "results" / "reference" / "clients").glob("*.json"))
    sides = {f"A={records[1]}", f"B={records[0]}"}
    done = quick_bench("compare", *sides, MAKE_WORDS="")
    assert done.returncode in (3, 4), done.stderr
    line = f"Nothing went wrong: exit code {done.returncode} is the verdict, which make calls an error."
    assert done.stderr.splitlines()[-1] == line
    assert "Nothing went wrong" not in quick_bench("compare", *sides).stderr


def test_help_of_a_command_runs_nothing() -> None:
    said = sh("make", "-n", "help", "bench").stdout.splitlines()
    assert [line for line in said if "asgi_anatomy" in line] == [".venv/bin/python -m asgi_anatomy bench --help"]


def test_words_come_from_make(quick_bench: Bench) -> None:
    said = quick_bench("table", MAKE_WORDS="FORMAT BASELINE", FORMAT="csv", BASELINE='it\'s "quoted" $HOME')
    assert """no layer 'it\\'s "quoted" $HOME'""" in said.stderr
    assert "MAKE_WORDS='BUGDET'" in sh("make", "-n", "ladders", "BUGDET=1").stdout
    assert "MAKE_WORDS=''" in sh("make", "-n", "ladders", BUDGET="1").stdout, "the environment is nobody's option"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ladders", "NAMSE=1"], "ladders takes no NAMSE= (did you mean NAMES?): `make help-ladders`"),
        (["tabel"], "there is no command 'tabel' (did you mean table?): `make help` lists them"),
        (["bench-starlet"], "unknown layer 'starlet' (did you mean starlette?)"),
        (["table-starlette"], "there is no command 'table-starlette'"),
        (["bench-starlette", "LAYERS=uvicorn"], "bench-starlette names a layer, and so does LAYERS=uvicorn"),
        (["sweep", "RECORD=x", "LAYERS=asyncio"], "RECORD= shows what there is, for which LAYERS= has no effect"),
        (["anatomy", "RECORD=x", "APP=x:app"], "RECORD= shows what there is, for which APP= has no effect"),
        (["history", "RECORD=x", "DEPS=held"], "RECORD= shows what there is, for which DEPS= has no effect"),
        (["report", "RECORD=x", "REFERENCE=1"], "REFERENCE=1 draws the reference records, RECORD= others"),
        (["charts", "RECORD=x", "REFERENCE=1"], "REFERENCE=1 draws the reference records, RECORD= others"),
        (["machines", "LADDER=transport"], "LADDER= is what "),
        (["versus", "PACKAGE=x", "LAYERS=uvicorn", "LADDER=transport"], "LAYERS= and LADDER= both say which"),
        (["versus", "PACKAGE=x", "LAYERS=uvicorn fastapi", "BISECT=1"], "BISECT=1 counts in one layer, LAYERS="),
        (["pair", "PACKAGE=x"], "pair takes no PACKAGE="),
        (["build", "ONLY=curl"], "'curl' is not compiled: expected one of oha, axum"),
        (["bench", "HOST=256.1.1.1"], "HOST=256.1.1.1 is not one that a server can listen on ("),
        (["bench", "HOST=::1"], "HOST=::1 is not one that a server can listen on ("),
        (["sweep", "HOST=192.0.2.1"], "HOST=192.0.2.1 is not one that a server can listen on ("),
        (["bench", "layers=uvicorn"], "bench takes no layers= (did you mean LAYERS?): `make help-bench`"),
        (["bench", "LADDER=stak"], "unknown ladder 'stak' (did you mean stack?): layers.toml has default,"),
        (["table", "WIDE=2"], "WIDE=2: expected 1, or 0 to leave it out"),
        (["serve"], "name a layer: `make serve-starlette` serves starlette"),
        (["check-layer"], "name a layer, such as LAYER=starlette"),
        (["history", "RECORD=none.jsonl"], "cannot read file of counted releases none.jsonl: No such file"),
        (["diff", "A=uvicorn", "B=fastapi", "RECORD=tests"], "no record of `make anatomy` in tests"),
    ],
)
def test_words_that_a_command_does_not_take(quick_bench: Bench, words: list[str], says: str) -> None:
    said = quick_bench(*words)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: {says}"), said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_no_terminal_is_that_wide(quick_bench: Bench) -> None:
    lines = quick_bench("table", COLUMNS="1000000000").stdout.splitlines()
    assert max(map(len, lines)) <= WIDEST


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = program(tmp_path / "old", 'case $1 in --version) echo "Python 3.11.7";; *) exit 1;; esac')
    said = sh("sh", "scripts/setup.sh", str(old))
    assert said.returncode == 1
    assert said.stderr == f"error: {old} is Python 3.11.7: Python 3.12 or newer is needed, try PYTHON=python3.13\n"


def test_no_python_of_that_name() -> None:
    said = sh("make", "table", "PYTHON=/none/python3")
    assert said.returncode == 2
    assert "error: no Python at '/none/python3'" in said.stderr


@pytest.mark.parametrize(
    ("text", "says"), [("exit 0", ""), ("echo 1.2.3; echo more", " (it says: 1.2.3)"), ("exit 1", "")]
)
def test_what_is_no_python(tmp_path: Path, text: str, says: str) -> None:
    said = sh("sh", "scripts/setup.sh", str(program(tmp_path / "true", text)))
    assert said.returncode == 1
    expected = "expected a path or a command, such as PYTHON=python3.13"
    assert said.stderr == f"error: {tmp_path}/true is no Python{says}: {expected}\n"


def test_a_python_that_does_not_run(tmp_path: Path) -> None:
    broken = program(
        tmp_path / "broken", 'case $1 in --version) echo "Python 3.13.0";; *) echo no encodings >&2; exit 1;; esac'
    )
    said = sh("sh", "scripts/setup.sh", str(broken))
    assert said.returncode == 1
    assert said.stderr == f"error: {broken} is Python 3.13.0, but does not run: no encodings\n"


def test_a_second_set_up_does_nothing() -> None:
    link = ROOT / ".venv"
    before = link.lstat().st_mtime_ns
    said = sh("sh", "scripts/setup.sh", str(ROOT / ".venv" / "bin" / "python"))
    assert (said.returncode, said.stderr) == (0, "")
    assert link.lstat().st_mtime_ns == before


def test_a_tool_that_is_there() -> None:
    assert sh("sh", "scripts/tools.sh", "sh", "wrk").returncode == 0


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "apt-get install -y -q nosuchtool"),
        ("dnf", "dnf install -y nosuchtool"),
        ("pacman", "pacman -S --noconfirm --needed nosuchtool"),
    ],
)
def test_a_tool_that_may_not_be_installed(tmp_path: Path, manager: str, command: str) -> None:
    """As a user who is not root and has no password-less sudo: nothing is asked, the one command is named."""
    program(tmp_path / manager, "exit 99")
    program(tmp_path / "id", "echo 1000")
    program(tmp_path / "sudo", "exit 1")
    said = sh("/bin/sh", "scripts/tools.sh", "nosuchtool", PATH=str(tmp_path))
    assert said.returncode == 1
    assert command in said.stderr
    assert "sudo" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_no_package_manager(tmp_path: Path) -> None:
    said = sh("/bin/sh", "scripts/tools.sh", "nosuchtool", PATH=str(tmp_path))
    assert said.returncode == 1
    assert "install it by hand" in said.stderr


# --- set-ups in a checkout of their own, with one tiny package instead of all that the suite needs

VERSION = platform.python_version()
PYTHON = str(Path(sys.executable).resolve())


def tiny(folder: Path, version: str) -> str:
    """Make a wheel; returns its line for a lock."""
    path = folder / f"tiny-{version}-py3-none-any.whl"
    if path.exists():
        return lock_line(path, version)
    about = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny.py", f"VERSION = '{version}'\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return lock_line(path, version)


def lock_line(path: Path, version: str) -> str:
    return f"tiny=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Checkout:
    """What a set-up reads, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a checkout"
        self.wheels = folder / "wheels"
        for each in ("groups", "results", "asgi_anatomy/packages", ".venvs"):
            (self.folder / each).mkdir(parents=True)
        self.wheels.mkdir()
        (self.folder / ".venvs" / uv.home().name).symlink_to(uv.home())
        shutil.copy(uv.__file__, self.folder / "asgi_anatomy" / "packages")
        shutil.copytree(ROOT / "scripts", self.folder / "scripts")
        shutil.copy(ROOT / "Makefile", self.folder)
        self.lock(tiny(self.wheels, "1"))
        (self.folder / "groups" / "more.lock").write_text(tiny(self.wheels, "1"))

    def lock(self, text: str) -> None:
        """Write requirements.lock."""
        (self.folder / "requirements.lock").write_text(text)

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command there; Ctrl-C ends it, which is not so where the tests themselves run in the background."""
        pip = {
            "PIP_RETRIES": "0",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": os.devnull,
        }
        variables = [f"{name}={value}" for name, value in {**pip, **environment}.items()]
        return subprocess.Popen(
            [sys.executable, "-c", INTERRUPTIBLE, "env", *variables, *command],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command there."""
        process = self.start(*command, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def set_up(self, python: str = PYTHON, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Do what `make venv` does."""
        return self.run("sh", "scripts/setup.sh", python, **environment)

    @property
    def main(self) -> Path:
        """The environment that .venv leads to."""
        return (self.folder / ".venv").resolve()

    def version(self) -> str:
        """Which release of the package .venv has."""
        return self.run(".venv/bin/python", "-c", "import tiny; print(tiny.VERSION)").stdout.strip()


INTERRUPTIBLE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One that two set-ups at once made; a test may do no more to it than a second set-up that fails, or none."""
    checkout = Checkout(tmp_path_factory.mktemp("made"))
    both = [checkout.start("make", "--no-print-directory", "venv", f"PYTHON={PYTHON}") for _ in range(2)]
    said = [each.communicate(timeout=60) for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert set(said) <= {("", f"set-up: .venvs/{checkout.main.name} with Python {VERSION}\n"), ("", "")}
    return checkout


def test_an_environment_stands_in_its_final_folder(made: Checkout) -> None:
    link = made.folder / ".venv"
    assert link.is_symlink()
    assert link.readlink() == Path(".venvs", made.main.name)
    assert made.version() == "1"
    assert [*made.main.glob("lib/*/site-packages/__pycache__/tiny*.pyc")], "compiled"
    assert not [*made.folder.glob(".venvs/.new-*"), *made.folder.glob(".venv-*")]
    again = made.set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_what_leads_a_python_astray_does_not_reach_us(made: Checkout, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('not this click')\n")
    (tmp_path / "sitecustomize.py").write_text("print('a word')\n")
    odd = {f"PYTHON{name}": str(tmp_path) for name in ("PATH", "USERBASE", "PLATLIBDIR")}
    odd |= {"PYTHONHOME": "/none", "PYTHONSAFEPATH": "1", "PYTHONINSPECT": "1", "PYTHONSTARTUP": f"{tmp_path}/click.py"}
    done = made.set_up("", **odd, PATH=f"{Path(PYTHON).parent}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (0, "")
    assert "error" not in done.stderr
    plain, ours = sh("make", "ladders", f"PYTHON={PYTHON}"), sh("make", "ladders", f"PYTHON={PYTHON}", **odd)
    assert plain.returncode == 0, plain.stderr
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, plain.stderr)


def test_a_hash_seed_reaches_us(made: Checkout) -> None:
    (made.folder / "Makefile").write_text((ROOT / "Makefile").read_text() + "seed:\n\tenv\n")
    said = made.run("make", "seed", PYTHONHASHSEED="7", PYTHONPATH="/none").stdout.splitlines()
    assert "PYTHONHASHSEED=7" in said
    assert not [line for line in said if line.startswith("PYTHONPATH")]


def test_another_python_and_another_lock_disturb_no_run_that_is_under_way(made: Checkout, tmp_path: Path) -> None:
    """It was started by the path of its own environment, as the Makefile does it, and imports late."""
    first = made.main
    late = "import sys; print('up', flush=True); input(); import tiny; print(tiny.VERSION, sys.executable)"
    under_way = subprocess.Popen(
        [first / "bin" / "python", "-c", late], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert under_way.stdout
    assert under_way.stdout.readline() == "up\n"
    other = tmp_path / "other"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", "--copies", other], check=True)
    made.lock(tiny(made.wheels, "2"))
    assert made.set_up(str(other / "bin" / "python")).returncode == 0
    assert made.main != first
    assert made.version() == "2"
    assert under_way.communicate("\n", timeout=10)[0] == f"1 {first}/bin/python\n"
    made.lock(tiny(made.wheels, "1"))
    back = made.set_up()
    assert (back.returncode, back.stderr) == (0, ""), "what is there is not made again"
    assert made.main == first


def test_a_folder_of_the_users_own_is_left_alone(made: Checkout) -> None:
    (made.folder / ".venv").unlink()
    (made.folder / ".venv").mkdir()
    assert f"{made.folder}/.venv is a folder, and would be a link to one: move it away" in failed(made.set_up())
    (made.folder / ".venv").rmdir()
    assert made.set_up().returncode == 0
    assert made.version() == "1"


def failed(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line that says why, after the one that says what."""
    assert done.returncode == 1, done.stderr
    *_, why = lines = done.stderr.splitlines()
    assert len(lines) <= 2, done.stderr
    assert why.startswith("error: ")
    return why


def harmless(checkout: Checkout) -> None:
    """What was there before works as before."""
    checkout.lock(tiny(checkout.wheels, "1"))
    assert checkout.version() == "1"
    done = checkout.set_up()
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_hash(made: Checkout) -> None:
    made.lock(f"tiny==1 --hash=sha256:{'0' * 64}\n")
    why = failed(made.set_up())
    assert "what came for tiny==1 has another hash than the lock" in why
    assert "index cannot be reached" not in why
    harmless(made)


def test_no_network(made: Checkout) -> None:
    made.lock("tiny==3 --hash=sha256:00\n".replace("00", "0" * 64))
    why = failed(made.set_up(PIP_NO_INDEX="0", PIP_INDEX_URL="http://127.0.0.1:9/simple"))
    assert "the package index cannot be reached (Connection refused" in why
    assert "is there a network" in why
    harmless(made)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            "warning: so\nerror: No solution found\n  cause: Because tiny\n         is not.\n",
            "No solution found: Because tiny: is not.",
        ),
        ("error: Failed to install: x\n  cause: failed to write: No space left on device (os error 28)\n", "make room"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM x:\n    uv==1 from y:\n",
            "what came for uv==1 has another hash",
        ),
        (
            "ensurepip is not\navailable.  On Debian/Ubuntu systems, try\n\n    apt install python3-venv\n",
            "try: apt install",
        ),
        ("Killed\n\n", "Killed"),
        ("", "it printed nothing"),
    ],
)
def test_other_words_of_uv_and_pip(said: str, line: str) -> None:
    why = uv.why(said)
    assert line in why
    assert "\n" not in why
    assert "cannot be reached" not in why


def test_a_path_with_a_colon(tmp_path: Path) -> None:
    why = failed(Checkout(tmp_path / "a:b").set_up())
    assert "a virtual environment cannot be in a path with ':': rename or move" in why


def test_a_folder_that_cannot_be_written(checkout: Checkout) -> None:
    ordinary = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []  # root may write everywhere
    checkout.folder.chmod(0o555)
    why = failed(checkout.run(*ordinary, "sh", "scripts/setup.sh", PYTHON))
    checkout.folder.chmod(0o755)
    assert "Permission denied" in why
    assert str(checkout.folder) in why


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.all)])
def test_a_set_up_that_is_stopped(checkout: Checkout, number: signal.Signals) -> None:
    """By Ctrl-C, which reaches its whole group, while it waits for an index that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = checkout.start("sh", "scripts/setup.sh", PYTHON, PIP_NO_INDEX="0", PIP_INDEX_URL=index)
        silent.settimeout(20)
        with silent.accept()[0]:
            os.killpg(process.pid, number)
            said = process.communicate(timeout=10)[1].splitlines()
    assert process.returncode == 128 + number
    assert said[1:] == ["error: the set-up was stopped: what was there before is as it was"]
    assert not (checkout.folder / ".venv").exists()
    assert [each.name for each in checkout.folder.glob(".venvs/*")] == [uv.home().name], "nothing is left of it"
    assert checkout.set_up().returncode == 0
    assert checkout.version() == "1"


def test_a_group_sees_the_main_environment_and_goes_with_it(made: Checkout) -> None:
    command = (str(made.main / "bin" / "python"), "-I", "asgi_anatomy/packages/uv.py", "group", "more")
    done = made.run(*command)
    assert done.returncode == 0, done.stderr
    link = made.folder / ".venvs" / f"{made.main.name}-more"
    assert made.run(str(link / "bin" / "python"), "-c", "import tiny; print(tiny.__file__)").stdout.startswith(
        str(made.main)
    )
    again = made.run(*command)
    assert (again.returncode, again.stderr) == (0, "")
    before = link.resolve()
    more = made.folder / "groups" / "more.lock"
    more.write_text(tiny(made.wheels, "2"))
    assert made.run(*command).returncode == 0
    assert link.resolve() != before
    assert before.exists()
    assert failed(made.run(*command[:-1], "none")) == "error: no group 'none': there is no groups/none.lock"


def test_another_interpreter_gets_an_environment_beside_the_main_one(made: Checkout) -> None:
    """It has the same packages, and a group of its own; what is not built for it is not compiled."""
    main = made.main
    command = (PYTHON, "-I", "asgi_anatomy/packages/uv.py", "serving", "python-9.9")
    done = made.run(*command)
    assert done.returncode == 0, done.stderr
    python = (made.folder / ".venvs" / "python-9.9").resolve() / "bin" / "python"
    assert made.run(str(python), "-c", "import tiny; print(tiny.VERSION)").stdout == "1\n"
    assert made.run(*command).stderr == ""
    assert made.run(str(python), "-I", "asgi_anatomy/packages/uv.py", "group", "more").returncode == 0
    assert (made.folder / ".venvs" / f"{python.parents[1].name}-more" / "bin" / "python").exists()
    assert made.main == main


def test_the_harness_finds_the_environment_of_a_group() -> None:
    main = Path(Layer(name="plain", adds="").python)
    assert main.parents[1] == Path(sys.prefix, "main").resolve(), "that which the tests' own environment adds to"
    assert main.parents[1] == (ROOT / ".venv").resolve(), "by a path that stays when .venv is led elsewhere"
    grouped = Path(Layer(name="grouped", adds="", group="stack").python)
    assert grouped == ROOT / ".venvs" / f"{main.parents[1].name}-stack" / "bin" / "python"


def test_a_set_up_that_was_killed_is_begun_anew(checkout: Checkout) -> None:
    (left := checkout.folder / ".venvs" / ".new-x" / "bin").mkdir(parents=True)
    (left / "python").touch()
    assert checkout.set_up().returncode == 0
    (checkout.main / "bin" / "python").unlink()  # as where its Python was removed
    assert checkout.set_up().returncode == 0
    assert checkout.version() == "1"


def test_clean_refuses_while_a_command_runs(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    python = checkout.folder / ".venvs" / "x" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(PYTHON)
    monkeypatch.setattr(uv, "VENVS", checkout.folder / ".venvs")
    real, opened = os.open, list[int]()

    def noted(*words: Any) -> int:
        opened.append(real(*words))
        return opened[-1]

    monkeypatch.setattr(os, "open", noted)
    uv.use()
    monkeypatch.undo()
    said = checkout.run("make", "clean")
    assert said.returncode == 2
    assert said.stderr.startswith("error: a command is running in .venvs: wait for its end, or end it, then"), said
    assert python.exists()
    fcntl.flock(opened[0], fcntl.LOCK_EX)  # as `make clean` has it
    monkeypatch.setattr(uv, "VENVS", checkout.folder / ".venvs")
    with pytest.raises(uv.SetupError, match="^`make clean` is removing the environments: type the same again$"):
        uv.use()
    os.close(opened[0])
    assert checkout.run("make", "clean").returncode == 0
    assert not (checkout.folder / ".venvs").exists()


def test_clean_leaves_results(checkout: Checkout) -> None:
    for name in (".venv-old/x", ".venvs/x", "asgi_anatomy/__pycache__/x", ".mypy_cache/x", "results/x"):
        path = checkout.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (checkout.folder / ".venv").symlink_to(checkout.wheels)
    assert checkout.run("make", "clean").returncode == 0
    left = {path.name for path in checkout.folder.iterdir()}
    assert left == {"Makefile", "asgi_anatomy", "groups", "requirements.lock", "results", "scripts"}
    assert (checkout.folder / "results" / "x").exists()
    assert [*checkout.wheels.iterdir()], "a link goes, and not what it leads to"


def test_a_package_that_was_deleted() -> None:
    """A Python without its packages stands for that: nothing is to be deleted from what other tests use."""
    said = sh(sys.executable, "-S", "-m", "asgi_anatomy", "ladders")
    assert said.returncode == 1
    assert said.stderr.startswith("error: No module named 'click': ")
    assert said.stderr.endswith(": type `make clean setup`\n")
    assert "packages of requirements.lock are missing in" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_the_locks_name_no_index() -> None:
    for lock in (ROOT / "requirements.lock", *(ROOT / "groups").glob("*.lock")):
        text = lock.read_text()
        assert "://" not in text
        assert not [line for line in text.splitlines() if line.startswith("--")]


def test_the_license_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "BSD-3-Clause"
    holder = project["authors"][0]["name"]
    for name in project["license-files"]:
        text = (ROOT / name).read_text()
        assert text.startswith("BSD 3-Clause License\n")
        assert f"Copyright (c) 2026, {holder}\n" in text


@pytest.mark.all
def test_a_fresh_clone(tmp_path: Path) -> None:
    """The whole set-up, and the first thing that a user types."""
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    done = subprocess.run(
        ["make", "bench", "BUDGET=1", f"PYTHON={PYTHON}"],
        cwd=tmp_path / "clone", capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fastapi" in done.stdout
    status = ["git", "status", "--short"]
    assert not subprocess.run(status, cwd=tmp_path / "clone", capture_output=True, check=True).stdout


# --- the end of the tests themselves

ENDLESS = """
import pathlib, time, pytest
@pytest.mark.parametrize("number", [1, 2])
def test(number):
    try:
        pathlib.Path(f"{number}-up").touch(); time.sleep(60)
    finally:
        pathlib.Path(f"{number}-cleaned").touch()
"""


@pytest.mark.all
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_tests_and_each_cleans_up(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C reaches all of a terminal's processes, any other signal the first one alone."""
    (tmp_path / "test_endless.py").write_text(ENDLESS)
    options = ["--numprocesses", "2", "-p", "no:cacheprovider", "-p", "tests.conftest"]
    run = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, sys.executable, "-m", "pytest", *options],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, process_group=0, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    while len([*tmp_path.glob("*-up")]) < 2:
        assert run.poll() is None
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    out = run.communicate(timeout=20)[0]
    assert run.returncode == pytest.ExitCode.INTERRUPTED, out
    assert len([*tmp_path.glob("*-cleaned")]) == 2, out


# --- tools


def test_a_system_that_lacks_a_tool(tmp_path: Path) -> None:
    for name in ("brew", "wrk", "curl", "ab", "h2load", "npm"):
        program(tmp_path / name, "exit 99")
    said = sh("/bin/sh", "scripts/tools.sh", PATH=str(tmp_path))
    assert said.returncode == 0
    assert said.stderr.startswith("note: no valgrind strace chromium chromedriver here, brew has no package of it")
    assert len(said.stderr.splitlines()) == 1
    tried = sh("/bin/sh", "scripts/tools.sh", "--try", "valgrind", PATH=str(tmp_path))
    assert (tried.returncode, len(tried.stderr.splitlines())) == (0, 1)
    wanted = sh("/bin/sh", "scripts/tools.sh", "valgrind", PATH=str(tmp_path))
    assert wanted.returncode == 1
    assert wanted.stderr == "error: no valgrind here: brew has no package of it\n"


def test_a_tool_is_installed_from_the_package_that_has_it(tmp_path: Path) -> None:
    """What apt does not know, as Ubuntu's has no chromium, does not keep it from the rest."""
    (tmp_path / "env").symlink_to(shutil.which("env") or "")
    program(tmp_path / "id", "echo 0")
    program(tmp_path / "apt-cache", "case $2 in chromium*) exit 100;; esac")
    makes = f"printf '#!/bin/sh\\n' >'{tmp_path}/ab' && {shutil.which('chmod')} +x '{tmp_path}/ab'"
    writes = f"""echo "apt-get $*" >>'{tmp_path}/said'"""
    program(tmp_path / "apt-get", f"""{writes}\ncase "$*" in *" apache2-utils "*) {makes};; esac""")
    done = sh("/bin/sh", "scripts/tools.sh", "ab", PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (tmp_path / "ab").unlink()
    failing = sh("/bin/sh", "scripts/tools.sh", "ab", "chromium", PATH=str(tmp_path))
    assert failing.returncode == 1
    assert "error: chromium is not available from apt-get" in failing.stderr
    assert (tmp_path / "ab").exists()
    installs = [line for line in (tmp_path / "said").read_text().splitlines() if "install" in line]
    assert len(installs) == 2
    assert all(line.startswith("apt-get install -y -q apache2-utils ") for line in installs)


def test_the_table_of_tools() -> None:
    lines = (ROOT / "scripts" / "tools.txt").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    assert {len(row) for row in rows} == {5}
    assert {row[0].partition("|")[0] for row in rows} >= {
        "wrk",
        "curl",
        "ab",
        "h2load",
        "valgrind",
        "strace",
        "chromium",
    }
