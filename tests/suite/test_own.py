"""Custom servers: checked against a contract of their own, and blamed for what goes wrong in them."""

import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asgi_anatomy.counts.jobs import Job, count
from asgi_anatomy.documents.store import read_record
from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.conformance import accepts, answers, read_answer
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Catalogue, Layer
from asgi_anatomy.suite.own import contract_of_own, with_own
from asgi_anatomy.suite.workloads import read_file
from asgi_anatomy.turns.plan import select, select_pair
from asgi_anatomy.turns.record import Bench as Record
from tests.conftest import Bench

APP = """
import json, random
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    posted = scope["method"] == "POST"
    body = (await receive())["body"] if posted else json.dumps({"id": 1, "path": scope["path"]})
    if WHAT == "raise":
        raise RuntimeError("no database here")
    padding = " " * (random.randrange(100) if WHAT == "vary" else 3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(json.loads(body)).encode() + padding.encode()})
"""
QUICK = ("--layers", "uvicorn", "--budget", 1)


@pytest.fixture
def app(tmp_path: Path) -> str:
    """The folder of apps that answer, raise, and answer in many sizes."""
    for what in ("sound", "raise", "vary"):
        (tmp_path / f"{what}_app.py").write_text(f"WHAT = {what!r}\n{APP}")
    return str(tmp_path)


def custom(catalogue: Catalogue, contract: Contract, **options: Any) -> tuple[Layer, Contract]:
    every = with_own(catalogue, **options)
    return contract_of_own(every.layers[every.added[0]], contract)


def test_its_own_request_and_environment(bench: Bench, app: str, tmp_path: Path) -> None:
    request = tmp_path / "mine.toml"
    request.write_text('method = "GET"\npath = "/a"\nheaders = []\nbody = ""\nanswer = \'{"path": "/a", "id": 1}\'\n')
    options = ("--app", f"{app}/sound_app:app", "--request", request, "--env", sys.prefix, "--name", "mine")
    done = bench("bench", *QUICK, *options, "--format", "json", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    assert "(uvicorn: the User request, mine: mine.toml)" in done.stderr
    mine = json.loads(done.stdout)[1]
    assert mine["layer"] == "mine"
    assert mine["rps_per_core"] > 100
    assert "held to the request of mine.toml alone, its answer equal as JSON" in mine["note"]
    assert f"in its own environment: Python {sys.version.split()[0]}, uvicorn" in mine["note"]
    (path,) = (tmp_path / "results").glob("*.json")
    assert read_record(path, Record).layers[1].packages["starlette"]


def test_a_command_in_any_language(bench: Bench, tmp_path: Path) -> None:
    command = "{python} -m servers.protocol_server --host {host} --port {port}"
    options = ("--serve", command, "--name", "mine", "--on", "uvicorn", "--results", tmp_path / "results")
    done = bench("bench", *QUICK, *options, "--format", "json")
    assert done.returncode == 0, done.stderr
    mine = json.loads(done.stdout)[1]
    assert mine["decay"] < 0, "it serves more than uvicorn"


@pytest.mark.all  # as the pair below, and with a request of its own above
def test_an_app_is_a_row_on_uvicorn_whatever_the_size_of_its_answers(bench: Bench, app: str, tmp_path: Path) -> None:
    options = (*QUICK, "--app", f"{app}/vary_app:app", "--results", tmp_path / "results")
    done = bench("bench", *options, "--format", "json")
    assert done.returncode == 0, done.stderr
    _, mine = json.loads(done.stdout)
    assert (mine["layer"], mine["on"]) == ("vary_app:app", "uvicorn")
    assert 0 < mine["decay"] < 100
    assert "held to the User request alone, its answer equal as JSON (a varying number of bytes)" in mine["note"]


def test_a_pair(bench: Bench, app: str, tmp_path: Path) -> None:
    target = f"{app}/vary_app:app"
    done = bench("pair", "--a", "uvicorn", "--app", target, "--budget", 3, "--results", tmp_path)
    assert done.returncode in (3, 4), done.stderr
    said = " ".join(done.stdout.split())
    assert "vary_app:app: held to the User request alone, its answer equal as JSON (a varying number of bytes)" in said


def test_an_anatomy(catalogue: Catalogue, contract: Contract, app: str) -> None:
    layer, asked = custom(catalogue, contract, app=f"{app}/sound_app:app", env=sys.prefix)
    found = count(Job(layer, asked, "calls and bytecodes")).counts
    assert found.calls["json"] >= 2
    assert found.bytecodes["sound_app.py"] > 20


@pytest.mark.parametrize(
    ("module", "error"),
    [
        ("raise_app", "RuntimeError: no database here"),
        ("nothing_app", 'Could not import module "nothing_app"'),
    ],
)
def test_what_goes_wrong_is_theirs(bench: Bench, app: str, tmp_path: Path, module: str, error: str) -> None:
    done = bench("bench", *QUICK, "--app", f"{app}/{module}:app", "--results", tmp_path / "results")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "its last lines:" in done.stderr
    assert error in done.stderr


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"app": "mine"}, "APP must be an ASGI app as package.module:app"),
        ({"app": "nowhere/mine:app"}, "in a folder that exists, without .py, not 'nowhere/mine:app'"),
        ({"app": "mine.py:app"}, "in a folder that exists, without .py, not 'mine.py:app'"),
        ({"serve": "no-such-program {port}"}, "SERVE starts with 'no-such-program', which is not a program here"),
        ({"serve": "mine"}, "SERVE must say where the port goes"),
        ({"serve": "mine '{port}"}, "SERVE is not a valid command: No closing quotation"),
        ({"serve": "env {port} {nothing}"}, "bad command .*expected only {port}, {host} and {python} in braces"),
        ({"serve": "env {port.y} {port}"}, "bad command"),
        ({"serve": "mine {port}", "env": sys.prefix}, "ENV sets {python} in SERVE"),
        ({"app": "a:b", "serve": "b {port}"}, "APP and SERVE both name a server of your own"),
        ({"app": "a:b", "env": "/nowhere"}, "no Python at ENV=/nowhere"),
        ({"app": "a:b", "on": "nothing"}, "unknown layer 'nothing'"),
        ({"app": "a:b", "name": "starlette"}, "'starlette' cannot be its name"),
        ({"app": "a:b", "name": "uvicorn-x2"}, "'uvicorn-x2' cannot be its name, another layer has it"),
        ({"app": "a:b", "name": "../x"}, "'../x' cannot be its name: expected letters, digits"),
        ({"app": "a:b", "name": "a b"}, "'a b' cannot be its name"),
        ({"app": "a:b", "name": "a,b"}, "'a,b' cannot be its name"),
        ({"app": "a:b", "name": "a\n"}, r"'a\\n' cannot be its name"),
        ({"app": "a:b", "name": "\x1b[2J"}, r"'\\x1b\[2J' cannot be its name"),
        ({"app": "a:b", "name": "a" * 41}, "40 characters at most"),
        ({"app": "x:good --workers 3"}, "APP must be an ASGI app as package.module:app.*not 'x:good --workers 3'"),
        ({"app": "x:good'--workers"}, "APP must be an ASGI app"),
        ({"app": "--workers:x"}, "APP must be an ASGI app"),
        ({"app": f"x:{'y ' * 10_000}"}, "APP must be an ASGI app"),
        ({"on": "starlette"}, "ON is for a server of your own"),
        ({"app": "a:b", "request": "none.toml"}, "cannot read .*none.toml: No such file"),
    ],
)
def test_bad_input(catalogue: Catalogue, contract: Contract, options: dict[str, str], error: str) -> None:
    with pytest.raises(BadInput, match=error) as raised:
        custom(catalogue, contract, **options)
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 400


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"app": "hello:app"}, "hello:app"),
        ({"app": "_hello:app"}, "hello:app"),
        ({"app": "my_package.api:app.asgi"}, "my_package.api:app.asgi"),
        ({"app": f"{'long' * 8}.package.module:app"}, "package.module:app"),
        ({"app": f"{'m' * 50}:app"}, "m" * 36 + ":app"),
        ({"app": "\u0438\u043c\u044f:app"}, "app"),
        ({"serve": "env {port}", "name": "mine-x2"}, "mine-x2"),
        ({"serve": "env {port}"}, "env"),
        ({"serve": "python3 /opt/mine/slow.py {port}"}, "slow.py"),
        ({"serve": "env A=1 python3.13 -m http.server --bind 127.0.0.1 {port}"}, "http.server"),
        ({"serve": "sh -c 'exec nc -l {port}'"}, "sh"),
        ({"serve": "python3 -c 'import mine' {port}"}, "python3"),
        ({"serve": "{python} -m {port}"}, "mine"),
        ({"serve": "{python} '-my server (new).py' '/opt/my server (new).py' {port}"}, "my-server-new-.py"),
    ],
)
def test_what_it_is_called(catalogue: Catalogue, contract: Contract, options: dict[str, str], name: str) -> None:
    assert custom(catalogue, contract, **options)[0].name == name


def test_a_folder_is_one_word_whatever_is_in_it(catalogue: Catalogue, contract: Contract, tmp_path: Path) -> None:
    folder = tmp_path / "a {port} b"
    folder.mkdir()
    argv = custom(catalogue, contract, app=f"{folder}/mine:app")[0].argv("::1", 1)
    assert argv[argv.index("--app-dir") + 1] == str(folder)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = " + "[" * 100_000, "mine.toml is nested too deep"),
        ("status = " + "1" * 5000, "mine.toml is not TOML: Exceeds the limit"),
        ("status = " + "1" * 4000, "mine.toml: "),
        (f"path = '{'a' * 10_000}'", "mine.toml: the path must start with a slash"),
        (f"{'a' * 10_000} = 1", "mine.toml: Object contains unknown field"),
        ('"\\u001b[2J" = 1', r"unknown field `.x1b\[2J`"),
        ("#" * (2**20 + 1), "mine.toml has 1,048,577 bytes: expected 1,048,576 at most"),
        ("path = 1", r"mine.toml: Expected `str . null`, got `int` - at `\$.path`"),
        ('path = "users"', "mine.toml: the path must start with a slash"),
        ('path = "/a b"', "mine.toml: the path must start with a slash"),
        ('method = "HEAD"', "the method must be one such as GET or POST, not .HEAD."),
        ("status = 99", "Expected `int` >= 200"),
        ("status = 404\nanswer = 'HTTP/1.1 500 Oh'", "`answer` has the status '500', expected 404"),
        ("size = 10", r"`size` needs one \* in `body`"),
        ("size = 10\nbody = 'so many letters *'", "the rest of `body` alone has 16 bytes"),
        ("pipelining = 0", "Expected `int` >= 1"),
        ("pipelining = 2\nrequests-per-connection = 2", "expected pipelining or requests-per-connection, not both"),
        ("case = 'nothing'", "no case 'nothing': contract.toml has malformed"),
        ("case = 'not-http'", "the case 'not-http' ends its connection"),
        ("case = 'path'\nstatus = 404", "a case of the contract has its own 'status'"),
        ("requests = []", "`requests` is empty"),
        ("requests = [{}, {share = 0}]", "mine.toml: request 2: Expected `int` >= 1 - at `\\$.share`"),
        ('headers = [["A", "b\\r\\nC: d"]]', "headers must not contain line breaks"),
        ('headers = [["A b", "c"]]', "every header must have a name, without spaces"),
        ('headers = [["Content-Length", "3"]]', "'content-length' is set by itself"),
        ('headers = [["connection", "Close"]]', "expected requests-per-connection = 1 instead"),
        ('contains = "a"\nanswer = "b"', "'contains' is one answer too many"),
        ('matches = "("', "`matches` is not a regular expression: missing \\)"),
        ('body = "a\\u0000b"', "neither headers nor the body a NUL"),
        ('boddy = ""', "unknown field `boddy`"),
        (f'body = "{"x" * 70_000}"', "may have at most 65536 bytes"),
    ],
)
def test_a_bad_request(contract: Contract, tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=error) as raised:
        read_file(path, "", contract)
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 400


def test_what_a_file_leaves_out_is_as_in_the_user_request(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('status = 201\nheaders = [["host", "there"]]\n')
    own, exact = read_file(path, "", contract)
    assert not exact
    request = own.asked[0].request
    assert request.headers == [("Host", "there")]
    assert (request.body, request.answer) == (contract.user.body, ""), "of another status, nothing else is checked"
    path.write_text('headers = [["A", "b"], ["A", "c"]]\n')
    same, _ = read_file(path, "", contract)
    assert same.asked[0].request.answer == contract.user.answer
    assert same.asked[0].wire().count(b"\r\nA: ") == 2


def test_its_copies_have_its_contract(catalogue: Catalogue, contract: Contract) -> None:
    selection = select(with_own(catalogue, app="a:b"), contract, ladder="waiting", workers=[2])
    layers = selection.layers
    own = {each.name for each in layers if not selection.contract_of(each).cases}
    assert own == {"a:b", "a:b-x2"}
    assert all(selection.contract_of(each) is contract for each in layers if each.name not in own)
    ordered = [layer.name for layer in layers]
    assert ordered.index("uvicorn") < ordered.index("starlette") < ordered.index("wait-threads")
    assert ordered.index("uvicorn") < ordered.index("a:b") < ordered.index("a:b-x2")
    assert len(ordered) == len(layers)


def test_equal_to_the_byte_or_as_json(catalogue: Catalogue, contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    whole = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue"
    for answer, same, other in (
        (
            "true",
            b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n true\r\n0\r\n\r\n",
            whole.replace("true", "null"),
        ),
        (
            "hello",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 201 OK\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (whole, whole.encode(), whole.replace("OK", "Ok")),
    ):
        path.write_text(f"answer = {json.dumps(answer)}")
        layer, asked = custom(catalogue, contract, app="a:b", request=str(path))
        assert accepts(asked, layer, read_answer(io.BytesIO(same)))
        assert not accepts(asked, layer, read_answer(io.BytesIO(other.encode())))


@pytest.mark.parametrize(
    ("described", "bodies"),
    [
        ("", {"": True, '{"id": 7}': True}),
        ("contains = '\"id\": '", {'{"id": 7}': True, '{"number": 7}': False}),
        ("matches = '\\{\"id\": [0-9]+\\}'", {'{"id": 71}': True, '{"id": 71} ': False, '{"id": "x"}': False}),
    ],
)
def test_an_answer_that_varies(
    catalogue: Catalogue, contract: Contract, tmp_path: Path, described: str, bodies: dict[str, bool]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'path = "/items"\nstatus = 201\n{described}\n')
    layer, asked = custom(catalogue, contract, app="a:b", request=str(path))
    for body, is_right in bodies.items():
        raw = f"HTTP/1.1 201 Created\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        answer = read_answer(io.BytesIO(raw))
        assert answers(asked, layer, asked.asked[0], answer) is is_right, body
        wrong = read_answer(io.BytesIO(raw.replace(b"201", b"200")))
        assert not answers(asked, layer, asked.asked[0], wrong)


def test_several_apps_and_environments(catalogue: Catalogue, contract: Contract, tmp_path: Path) -> None:
    env = str(Path(sys.prefix))
    apps = with_own(catalogue, app=f"old={tmp_path}/a:app new={tmp_path}/b:app")
    assert apps.added == ("old", "new")
    both = with_own(catalogue, app=f"{tmp_path}/a:app", env=f"one={env} two={env}")
    assert [(name, both.layers[name].app) for name in both.added] == [("one", "a:app"), ("two", "a:app")]
    each = with_own(catalogue, app="old=a:app new=b:app", env=f"new={env}")
    assert [bool(each.layers[name].env) for name in each.added] == [False, True]
    pair = select_pair(apps, contract, "", "")
    assert [layer.name for layer in pair.layers] == ["old", "new"]
    assert [layer.name for layer in select_pair(apps, contract, "new", "old").layers] == ["new", "old"]
    refused: list[tuple[dict[str, Any], str]] = [
        ({"app": "one=a:app one=b:app"}, "two layers are called 'one'"),
        ({"app": "one=a:app two=b:app", "name": "x"}, "NAME is for one server"),
        ({"app": "one=a:app", "env": f"two={env}"}, "ENV names 'two', which APP does not"),
    ]
    for options, error in refused:
        with pytest.raises(BadInput, match=error):
            with_own(catalogue, **options)


MINE = """
[layers.first]
app = "sub/a:app"
workload = "one"
environment = { FREEZE = "1" }
[layers.second]
command = "./server {port}"
on = "first"
waits = true
"""


def test_a_file_of_layers(catalogue: Catalogue, contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "server").touch(0o755)
    (tmp_path / "layers.toml").write_text(MINE)
    (tmp_path / "workloads.toml").write_text('[workloads.one]\nabout = "x"\npath = "/one"\n')
    every = with_own(catalogue, layers_file=str(tmp_path))
    selection = select(every, contract)
    assert [(layer.name, selection.on[layer.name]) for layer in selection.layers] == [
        ("uvicorn", None), ("first", "uvicorn"), ("second", "first"),
    ]  # fmt: skip
    first, second = selection.layers[1:]
    assert selection.contract_of(first).user.path == "/one"
    assert (first.environment, second.folder, second.waits) == ({"FREEZE": "1"}, str(tmp_path), True)
    assert {layer.name for layer in select(every, contract, ladder="stack").layers} >= {"daphne"}, "others still work"
    for change, error in (
        (("app =", "appp ="), "Object contains unknown field `appp`"),
        (
            ("sub/a:app", "nowhere/a:app"),
            r"\[layers.first\]: `app` must be package.module:app in a folder",
        ),
        (('"first"', '"third"'), r"\[layers.second\] stands on 'third': expected a layer of this file or of the suite"),
        (("[layers.second]", "[layers.starlette]"), "'starlette' cannot be its name, another layer has it"),
        (("./server", "./no-server"), "`command` starts with './no-server', which is not a program here"),
        (("[layers.second]", "[ladders.default]\nadds='x'\nlayers=['first']\n[layers.second]"), "name of a ladder"),
    ):
        (tmp_path / "layers.toml").write_text(MINE.replace(*change))
        with pytest.raises(BadInput, match=error):
            with_own(catalogue, layers_file=str(tmp_path))


def test_a_folder_to_begin_with_is_measured(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert bench("init", "--folder", folder).returncode == 0
    again = bench("init", "--folder", folder)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    done = bench("bench", "--layers-file", folder, "--budget", 1, "--format", "json", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    plain, checked = json.loads(done.stdout)[1:]
    assert (plain["layer"], checked["layer"], checked["on"]) == ("plain", "checked", "plain")
    assert checked["cpu_us"] > plain["cpu_us"] > 0


def test_a_server_stands_on_the_lowest_layer_unless_told_otherwise(catalogue: Catalogue, contract: Contract) -> None:
    every = with_own(catalogue, serve="env {port}", name="mine")
    for names, on in (("asyncio uvicorn", "asyncio"), ("asyncio mine", "asyncio"), ("mine", None)):
        assert select(every, contract, names=names).on["mine"] == on


def test_what_cannot_be_in_a_file(catalogue: Catalogue, contract: Contract, tmp_path: Path) -> None:
    folder = tmp_path / "c#"
    folder.mkdir()
    mine = folder / "layers.toml"
    (folder / "workloads.toml").write_text('[workloads.one]\npath = "/one"\n')
    mine.write_text('[layers.a]\napp = "x:app"\nworkload = "one"\n[layers.b]\napp = "x:app"\nworkload = "headers"\n')
    first, second = select(with_own(catalogue, layers_file=str(folder)), contract).layers[1:]
    assert contract_of_own(first, contract)[1].user.path == "/one", "a folder may have any name"
    assert len(contract_of_own(second, contract)[1].user.headers) > 10, "the suite's workloads are there too"
    for workload, error in (("arena-json", "is for layers of contract-arena.toml"), ("no", "unknown workload 'no'")):
        mine.write_text(f'[layers.a]\napp = "x:app"\nworkload = "{workload}"\n')
        with pytest.raises(BadInput, match=error):
            select(with_own(catalogue, layers_file=str(folder)), contract)
    (folder / "workloads.toml").write_text("workloads = 3")
    with pytest.raises(BadInput, match="workloads.toml: Expected `object`"):
        select(with_own(catalogue, layers_file=str(folder)), contract)
    mine.write_text('[layers.a-x2]\napp = "x:app"\n')
    with pytest.raises(BadInput, match="-x and a number is for processes: choose another"):
        with_own(catalogue, layers_file=str(folder))


def test_two_servers_in_one_group_are_refused(catalogue: Catalogue, contract: Contract, cgroup: Path) -> None:
    every = with_own(catalogue, app="one=a:app two=b:app", cgroup=cgroup.name)
    with pytest.raises(BadInput, match="two of these layers are in the control group"):
        select_pair(every, contract, "", "")


ELSEWHERE = """
import os, subprocess, sys, time
group, port = sys.argv[1:]
command = [sys.executable, "-m", "servers.asyncio_server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
def enter():
    os.setsid()
    open(group + "/cgroup.procs", "w").write("0")
if not os.fork():  # as an engine starts a container: it is no descendant
    subprocess.Popen(command, preexec_fn=enter)
    os._exit(0)
os.wait()
time.sleep(60)
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group made by hand, with what is left in it ended."""
    roots = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if " cgroup2 " in line]
    group = Path(roots[0] if roots else "/nowhere") / f"anatomy-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no control group can be made here")
    yield group
    while pids := (group / "cgroup.procs").read_text().split():
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.05)
    group.rmdir()


def test_a_server_in_a_group_that_another_program_made(bench: Bench, cgroup: Path, tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text(ELSEWHERE)
    serve = f"{sys.executable} {tmp_path / 'engine.py'} {cgroup} {{port}}"
    options = ("--serve", serve, "--name", "inside", "--on", "asyncio", "--layers", "asyncio", "--budget", 2)
    done = bench("bench", *options, "--cgroup", cgroup.name, "--format", "json", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    asyncio, inside = json.loads(done.stdout)
    assert inside["cpu_us"] == pytest.approx(asyncio["cpu_us"], rel=0.5)
    for name, error in (("nowhere-at-all", "has no process in the control group"), ("..", "must be a group below")):
        wrong = bench("bench", *options, "--cgroup", name, "--results", tmp_path / "results")
        assert wrong.returncode in (1, 2)
        assert error in wrong.stderr


@pytest.mark.all
def test_a_server_that_starts_slowly(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "slow_start.py").write_text("import time\ntime.sleep(2)\n" + APP.replace("WHAT", "'sound'"))
    options = (*QUICK, "--app", f"{tmp_path}/slow_start:app", "--results", tmp_path / "results")
    done = bench("bench", *options, "--start-timeout", 1)
    assert done.returncode == 1
    assert "did not answer within 1 s" in done.stderr
    assert "START_TIMEOUT= (`start-timeout` in a file) gives it longer" in done.stderr
    assert bench("bench", *options, "--start-timeout", 30).returncode == 0
