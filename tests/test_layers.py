"""layers.toml, whole and broken."""

from pathlib import Path

import pytest

from bench.data.catalogue import read_catalogue
from bench.data.errors import BadInput
from bench.data.layers import Catalogue

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
    with pytest.raises(BadInput, match=r"\[ladders.other\] has 'middle' below the layer that it stands on"):
        read(tmp_path, GOOD + other.replace('"low", "high", "middle"', '"low", "middle", "high"'))


def test_choosing(tmp_path: Path) -> None:
    catalogue = read(tmp_path, GOOD)
    assert [layer.name for layer in catalogue.choose("", "default")] == ["low", "middle", "high"]
    assert [layer.name for layer in catalogue.choose("high, low", "default")] == ["low", "high"]
    with pytest.raises(BadInput, match="unknown layer 'hihg': did you mean 'high'"):
        catalogue.choose("hihg", "default")
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
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, error: str) -> None:
    assert old in GOOD
    with pytest.raises(BadInput, match=error) as raised:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert "\n" not in raised.value.message


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read .*layers.toml: No such file"):
        read_catalogue(tmp_path / "layers.toml")
    with pytest.raises(BadInput, match="not TOML"):
        read(tmp_path, b"\xff\xfe")
    with pytest.raises(BadInput, match="layers.low"):
        read(tmp_path, "[layers]\nlow = 3\n")
