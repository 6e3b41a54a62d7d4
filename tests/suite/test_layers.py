"""layers.toml, whole and broken."""

import json
import os
from pathlib import Path

import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.layers import Catalogue, read_catalogue

GOOD = """
[asgi]
command = "{python} -m uvicorn {app} --host {host} --port {port}"
[layers.low]
adds = "a socket"
command = "low {port}"
[layers.middle]
on = "low"
adds = "more"
app = "middle:app"
[layers.high]
on = "middle"
adds = "most"
app = "high:app"
[ladders.default]
adds = "all"
layers = ["low", "middle", "high"]
"""


def read(folder: Path, text: str | bytes) -> Catalogue:
    path = folder / "layers.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_catalogue(path)


def test_what_it_says(tmp_path: Path) -> None:
    catalogue = read(tmp_path, GOOD)
    assert [*catalogue.layers] == ["low", "middle", "high"]
    middle = catalogue.layers["middle"]
    expected = ["/a b/python", "-m", "uvicorn", "middle:app", "--host", "::1", "--port", "80"]
    assert middle.argv("::1", 80, "/a b/python") == expected


def test_the_nearest_layer_below_that_is_measured(tmp_path: Path) -> None:
    catalogue = read(tmp_path, GOOD)
    low, middle, high = catalogue.layers.values()
    assert catalogue.ground([low, middle, high]) == {"low": None, "middle": "low", "high": "middle"}
    assert catalogue.ground([low, high]) == {"low": None, "high": "low"}
    assert catalogue.ground([high]) == {"high": None}


def test_a_ladder_may_say_what_stands_on_what(tmp_path: Path) -> None:
    other = '[ladders.other]\nadds = ""\nlayers = ["low", "high", "middle"]\non = { high = "low", middle = "high" }\n'
    catalogue = read(tmp_path, GOOD + other)
    layers = catalogue.choose("", "other")
    assert [layer.name for layer in layers] == ["low", "high", "middle"]
    assert catalogue.ground(layers, "other") == {"low": None, "high": "low", "middle": "high"}
    assert catalogue.ground(layers) == {"low": None, "middle": "low", "high": "middle"}
    with pytest.raises(BadInput, match=r"\[ladders.other\]: `on` goes in a circle: high -> middle -> high"):
        read(tmp_path, GOOD + other.replace('high = "low"', 'high = "middle"'))
    with pytest.raises(BadInput, match=r"\[ladders.other\] lists 'middle' before the layer it stands on"):
        read(tmp_path, GOOD + other.replace('"low", "high", "middle"', '"low", "middle", "high"'))


def test_choosing(tmp_path: Path) -> None:
    catalogue = read(tmp_path, GOOD)
    assert [layer.name for layer in catalogue.choose("", "default")] == ["low", "middle", "high"]
    assert [layer.name for layer in catalogue.choose("high, low", "default")] == ["low", "high"]
    with pytest.raises(BadInput, match=r"unknown layer 'hihg' \(did you mean high\?\)"):
        catalogue.choose("hihg", "default")
    with pytest.raises(BadInput, match="',' names no layer"):
        catalogue.choose(",", "default")
    with pytest.raises(BadInput, match="unknown ladder 'rope'.*default"):
        catalogue.choose(None, "rope")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("[layers.low]", "[layers.low", "layers.toml is not TOML.*line"),
        ("[layers.low]", "[layer.low]", r"unknown table \[layer\]"),
        ('adds = "a socket"', 'add = "a socket"', r"\[layers.low\].*`add`"),
        ('adds = "a socket"', "", r"\[layers.low\].*`adds`"),
        ('adds = "a socket"', "adds = 3", r"\[layers.low\].*str.*int"),
        ('on = "middle"', 'on = "midle"', r"\[layers.high\] stands on 'midle'.*low, middle, high"),
        ('on = "low"', 'on = "high"', "circle: middle -> high -> middle|circle: high -> middle -> high"),
        ('on = "low"', 'on = "middle"', "circle: middle -> middle"),
        ('app = "middle:app"', "", r"\[layers.middle\] needs either"),
        ('command = "low {port}"', 'command = "low {prot}"', r"\[layers.low\]: bad command.*prot"),
        ('command = "low {port}"', 'command = "low \'{port}"', r"\[layers.low\]: bad command"),
        ('command = "{python}', 'cmd = "{python}', r"\[asgi\]"),
        ('"low", "middle", "high"]', '"low", "hi"]', r"\[ladders.default\] names 'hi'"),
        ("[ladders.default]", "[ladders.other]", r"no \[ladders.default\]"),
        ("[ladders.default]", "[ladders]\ndefault = 3\n[more]", r"\[ladders.default\] must be a table"),
        ('command = "{python}', 'command = 3 # "{python}', r"\[asgi\].*str.*int"),
        ('"low", "middle", "high"]', '"low", "high", "low"]', r"\[ladders.default\] lists 'low' twice"),
        ('"low", "middle", "high"]', "]", r"\[ladders.default\].*length >= 1 - at `\$.layers`"),
        (
            'app = "middle:app"',
            'app = "middle:app --workers 3"',
            r"\[layers.middle\]: `app` must have the form package.module",
        ),
        ('app = "middle:app"', 'app = "a:b"\ngroup = "nope"', r"\[layers.middle\]: no group 'nope'.*frameworks, "),
        ('app = "middle:app"', 'app = "a:b"\ngroup = "../x"', r"\[layers.middle\]: no group '../x'"),
        ('app = "middle:app"', 'app = "a:b"\nworkers = -1', r"\[layers.middle\].*`int` >= 0 - at `\$.workers`"),
        ('app = "middle:app"', 'app = "a:b"\nenv = "x"', r"\[layers.middle\]: unknown key `env`"),
        ('app = "middle:app"', 'app = "a:b"\ncommand = "x"', r"\[layers.middle\] has an `app`, but no \{app\} in its"),
        ('command = "low {port}"', 'command = "low {app}"', r"\[layers.low\] has no `app` for the \{app\}"),
        (
            'command = "low {port}"',
            'command = "low"\nbuild = "it"',
            r"\[layers.low\]: no build 'it'.*no \[builds.NAME",
        ),
        (
            "[asgi]",
            '[builds.it]\ncommand = "a \'b"\n[asgi]',
            r"\[builds.it\]: .* is not a valid command: No closing quotation",
        ),
        ("[asgi]", '[builds.it]\nneeds = ["make"]\n[asgi]', r"\[builds.it\].*`command`"),
        ("[layers.low]", "[layers.a-x2]", r"\[layers.a-x2\]: a name must not end in -x and a number"),
        ('adds = "more"', 'adds = "more"\nlike = "lwo"', r"\[layers.middle\] is `like` 'lwo', which is not a layer"),
        ('adds = "more"', 'adds = "more"\nlike = ""', r"\[layers.middle\] is `like` '', which is not a layer"),
        ('adds = "more"', 'adds = "more"\nlike = ["low"]', r"\[layers.middle\]: `like` must be the name of a layer"),
        ('adds = "a socket"', 'adds = "b"\nlike = "middle"', r"\[layers.low\] has `like` but no `on`"),
        ('on = "low"', 'on = "low"\nlike = "middle"', r"\[layers.middle\]: `like` goes in a circle: middle -> middle"),
        ("[layers.low]", "a = " + "[" * 100_000 + "\n[layers.low]", "layers.toml is nested too deep"),
        ("[layers.low]", "a = " + "1" * 5000 + "\n[layers.low]", "layers.toml is not TOML: Exceeds the limit"),
        ("[layers.low]", "[layers]\nlow = " + "1" * 4000 + "\n[layers.no]", r"\[layers.low\] must be a table, not 111"),
        (
            "[ladders.default]",
            "[ladders]\ndefault = " + "[" * 90 + "]" * 90 + "\n",
            r"\[ladders.default\] must be a table",
        ),
        ("[layers.low]", f'["{"x" * 9999}"]\n[layers.low]', r"unknown table \[xxx"),
        ('on = "middle"', f'on = "{"m" * 9999}"', r"\[layers.high\] stands on 'mmm"),
        ("[layers.low]", "#" * 2**20 + "\n[layers.low]", r"layers.toml has 1,048,\d+ bytes: expected 1,048,576"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in GOOD
    with pytest.raises(BadInput, match=error) as raised:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert raised.value.exit_code == 2
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 400


@pytest.mark.parametrize("kind", ["layers", "ladders", "builds"])
@pytest.mark.parametrize(
    "name", ["", ".", "..", "a b", "a,b", "a\n", "\x1b[2J", "../../tmp/x", "-a", "\u00e9", "a" * 41, "x" * 9999]
)
def test_names_that_are_none(tmp_path: Path, kind: str, name: str) -> None:
    table = f'[{kind}.{json.dumps(name)}]\non = "low"\nadds = ""\ncommand = "x"\n'
    with pytest.raises(BadInput, match=rf"layers.toml: \[{kind}\] has the name .*expected letters, digits") as raised:
        read(tmp_path, GOOD + table)
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 400


@pytest.mark.parametrize("name", ["a", "1", "A.b_c:d+e-f", "a" * 40, "a-x", "x2"])
def test_names(tmp_path: Path, name: str) -> None:
    assert name in read(tmp_path, f'{GOOD}[layers.{json.dumps(name)}]\non = "low"\nadds = ""\ncommand = "x"\n').layers


def test_it_says_what_differs_and_inherits_the_rest(tmp_path: Path) -> None:
    more = """
[builds.it]
command = "make it"
[layers.one]
on = "low"
like = "two"
adds = "one"
app = "one:app"
differs = { path = 200, empty = 422 }
[layers.two]
on = "low"
adds = "two"
app = "two:app"
options = "--two 2"
versions = ["two"]
answer = "json"
differs = { path = 404, method = 405 }
waits = true
[layers.three]
on = "low"
like = "one"
adds = "three"
command = "serve {app} {port}"
build = "it"
workers = 3
[layers.four]
on = "two"
like = "three"
adds = "four"
command = "four {port}"
group = "stack"
waits = false
"""
    asgi = 'versions = ["uvicorn", "two"]\n[layers.low]'
    layers = read(tmp_path, GOOD.replace("[layers.low]", asgi) + more).layers
    one, two, three, four = (layers[name] for name in ("one", "two", "three", "four"))
    assert (one.on, one.adds, one.answer, one.waits) == ("low", "one", "json", True)
    assert one.argv("h", 1, "p") == ["p", "-m", "uvicorn", "one:app", "--host", "h", "--port", "1", "--two", "2"]
    assert two.argv("h", 1, "p")[3] == "two:app"
    assert one.versions == two.versions == ("uvicorn", "two"), "those of [asgi] come first, each once"
    assert one.differs == {"path": 200, "method": 405, "empty": 422}
    assert two.differs == {"path": 404, "method": 405}
    assert three.argv("h", 1) == ["serve", "one:app", "1"], "an app is inherited where the command has a place for it"
    assert three.versions == ("two",)
    assert three.build
    assert (three.build.command, three.workers) == ("make it", 3)
    assert four.argv("h", 1) == ["four", "1"]
    assert (four.app, four.group, four.build, four.workers, four.waits) == (None, "stack", None, 3, False)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(BadInput, match="cannot read .*: it is not a regular file"):
            read_catalogue(path)


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read .*layers.toml: No such file"):
        read_catalogue(tmp_path / "layers.toml")
    with pytest.raises(BadInput, match="not TOML"):
        read(tmp_path, b"\xff\xfe")
    with pytest.raises(BadInput, match="layers.low"):
        read(tmp_path, "[layers]\nlow = 3\n")
