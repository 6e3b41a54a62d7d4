"""The page in a browser without a network, and what docs/ has of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from asgi_anatomy.documents.store import REFERENCE, encode, latest, read_record
from asgi_anatomy.history.record import keep, write_all
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import Anatomy, Layers, Measured, Pair, Sensitivity
from asgi_anatomy.turns.record import Bench as Record
from tests.conftest import CATALOGUE, Bench, require, require_tool
from tests.records import LADDER, SLEEPS, WAKING_US, counted, ladder, layer, release, versus

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / ".venvs" / "axe" / "axe.min.js"
CHARTS = ("cost", "wake-ups", "decays", "instructions", "bytecodes", "latency")
AUDITED = [(1280, "light"), (390, "dark")]
SCREENS = [*AUDITED, *(pytest.param(*each, marks=pytest.mark.all) for each in ((1280, "dark"), (390, "light")))]
LONGEST = "a-server-with-a-name-of-thirty"
EVIL = "</script><img src=x onerror=evil=1>"
ALLOWED = 3_000_000  # bytes
PROBLEMS = (ROOT / "tests" / "pages" / "browser.js").read_text()


def hard(record: Layers) -> bytes:
    """A record with names that are hard to show."""
    names = {"dumproute": EVIL, "fastapi": LONGEST}
    for row in record.layers:
        row.name, row.on = names.get(row.name, row.name), names.get(row.on or "", row.on)
    if isinstance(record, Measured):
        for window in record.windows:
            window.layer = names.get(window.layer, window.layer)
        for made in record.rounds:
            for instance in made.instances:
                instance.layer = names.get(instance.layer, instance.layer)
            made.turns = [msgspec.structs.replace(turn, layer=names.get(turn.layer, turn.layer)) for turn in made.turns]
    if isinstance(record, Anatomy):
        for counts in record.anatomy:
            counts.layer = names.get(counts.layer, counts.layer)
    if isinstance(record, Record | Anatomy):
        record.ladder = EVIL
    return encode(record)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the reference anatomy, the same with names that are hard to show, and as another workload's."""
    folder = tmp_path_factory.mktemp("page")
    anatomy = read_record(latest("anatomy", REFERENCE / "default"), Anatomy)
    (folder / "good-bench.json").write_bytes(encode(ladder(like=anatomy)))
    (folder / "good-anatomy.json").write_bytes(encode(anatomy))
    (folder / "hard-bench.json").write_bytes(hard(ladder(2, two_speeds=True, like=anatomy)))
    again = ladder(3, like=anatomy)
    again.workload, again.ladder = "pipelined", EVIL
    (folder / "pipelined-bench.json").write_bytes(encode(again))
    (folder / "hard-anatomy.json").write_bytes(hard(anatomy))
    out = folder / "out" / "report.html"
    done = run("report", "--record", folder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("report.html")
    return out


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "asgi_anatomy", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    require_tool("chromedriver")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    require("" if program else "chromium is not installed: `make tools` does that")
    options = webdriver.ChromeOptions()
    options.binary_location = program or ""
    for each in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--force-device-scale-factor=1",
    ):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(60)
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
    driver.quit()


def visit(browser: webdriver.Chrome, page: Path, width: int, scheme: str, address: str = "") -> None:
    """Show the page as a screen of this width would."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("about:blank")
    browser.get(f"{page.as_uri()}{address}")


def draw(browser: webdriver.Chrome) -> None:
    browser.execute_async_script("const done = arguments[0]; drawAll().then(() => requestAnimationFrame(() => done()))")


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core, or nothing where npm is not here."""
    done = subprocess.run(["sh", "scripts/axe.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    if os.environ.get("CI") == "true":
        assert done.returncode == 0, done.stderr
    return AXE.read_text() if AXE.exists() else ""


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_looks_right(browser: webdriver.Chrome, page: Path, axe: str, width: int, scheme: str) -> None:
    visit(browser, page, width, scheme)
    for source in (0, 1):
        browser.execute_script(f"show({source})")
        draw(browser)
        charts = browser.execute_script(
            "return all('.chart').filter((each) => each.offsetParent).map((each) => all('path, rect', each).length)"
        )
        assert len(charts) >= len(CHARTS) + 1, "and the course of the run"
        assert min(charts) > 5, "every chart is drawn"
        assert f"ladder {EVIL}" in browser.find_element("css selector", ".joint").text, "the heat map of workloads"
        assert not browser.execute_script(PROBLEMS)
        if axe and source == 0 and (width, scheme) in AUDITED:
            browser.execute_script(axe + ";window.axe = axe;")
            wrong = browser.execute_async_script(
                "axe.run(document, {resultTypes: ['violations']}).then((found) => arguments[0](found.violations"
                ".map((each) => each.id + ': ' + each.nodes.map((node) => node.html).slice(0, 3).join(' '))))"
            )
            assert not wrong
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert not browser.get_log("browser"), "nothing on the console"  # type: ignore[no-untyped-call]
    assert not browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert browser.execute_script("return typeof evil") == "undefined", "text from a record is text"
    if not axe:
        require("axe-core is not here: npm fetches it, and `make tools` installs npm")


def test_what_it_means_for_you(browser: webdriver.Chrome, page: Path) -> None:
    visit(browser, page, 1280, "light", "#own_ms=5&rps=2000")
    cpu = browser.execute_script("return DATA.parts[0].yours.layers.find((each) => each.layer === 'fastapi').cpu_us")
    read = """
        const row = all('section.yours tbody tr').find((each) => each.cells[0].textContent === 'fastapi');
        return [...row.cells].slice(1).map((each) => Number(each.dataset.value));
    """
    share, request, per_core, cores = browser.execute_script(read)
    assert share == pytest.approx(100 * cpu / (5000 + cpu))
    assert (request, per_core, cores) == pytest.approx((5 + cpu / 1000, 1e6 / (5000 + cpu), 2000 * (5000 + cpu) / 1e6))
    move = """
        const slider = one('section.yours [name=own_ms]');
        slider.value = 0;
        slider.dispatchEvent(new Event('input'));
        return location.hash;
    """
    assert browser.execute_script(move) == "#own_ms=0&rps=2000"
    assert browser.execute_script(read)[0] == pytest.approx(100)
    visit(browser, page, 390, "light", "#own_ms=3.3&rps=123&show=1")
    outputs = "return all('section.yours output').map((each) => each.textContent)"
    assert browser.execute_script(outputs)[2:4] == ["3.3 ms", "123"]
    assert browser.execute_script("return all('article').map((each) => each.hidden)") == [True, False, True]
    visit(browser, page, 390, "light", "#own_ms=x&rps=-1&show=99")
    assert browser.execute_script(outputs)[:2] == ["5 ms", "2,000"], "what is no number is as if it were not there"


def test_tables(browser: webdriver.Chrome, page: Path) -> None:
    visit(browser, page, 1280, "light")
    click = "one('section.yours th:nth-child(3) button').click();"
    read = "return [...one('section.yours tbody').rows].map((each) => Number(each.cells[2].dataset.value))"
    down = browser.execute_script(click + read)
    up = browser.execute_script(click + read)
    assert (down, up) == (sorted(down, reverse=True), sorted(down))
    assert len(down) == 5
    copied = browser.execute_script("const it = one('section.yours .copy'); it.click(); return it.dataset.copied")
    lines = copied.splitlines()
    assert lines[0].startswith("| layer | framework % |")
    assert lines[2].startswith("| asyncio |"), "as it is sorted"
    assert {line.count("|") for line in lines} == {6}


def test_the_call_tree(browser: webdriver.Chrome, page: Path) -> None:
    visit(browser, page, 1280, "light")
    tree = "const tree = one('section.tree').icicle, boxes = () => all('section.tree g').filter((each) => each.node);"
    whole = browser.execute_script(
        tree + "return [boxes().length, tree.root.allb, boxes().map((each) => each.node.name)]"
    )
    record = read_record(latest("anatomy", REFERENCE / "default"), Anatomy)
    bytecodes = {each.layer: sum(each.bytecodes.values()) for each in record.anatomy}
    assert whole[0] > 50
    assert whole[1] == pytest.approx(bytecodes["fastapi"], rel=0.01)
    place = whole[2].index("starlette:Route.handle")
    zoom = """
        boxes()[arguments[0]].dispatchEvent(new MouseEvent('click'));
        const width = document.activeElement.querySelector('rect').getAttribute('width');
        return [tree.top.name, tree.out.disabled, boxes().length, Number(width), tree.place.clientWidth];
    """
    zoomed = browser.execute_script(tree + zoom, place)
    assert zoomed[:2] == ["starlette:Route.handle", False]
    assert zoomed[2] < whole[0]
    assert zoomed[3] == zoomed[4], "as wide as the page"
    key = """
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}));
        return [document.activeElement.node.name, tree.top.name];
    """
    assert browser.execute_script(tree + key, "ArrowDown")[0] == "fastapi:request_response.<locals>.app"
    assert browser.execute_script(tree + key, "Escape")[1] == "fastapi:APIRoute.handle"
    find = """
        tree.zoom(tree.root);
        tree.search.value = arguments[0];
        tree.search.dispatchEvent(new Event('input'));
        const lit = boxes().filter((each) => !each.classList.contains('dim'));
        return [lit.length && lit.every((each) => each.node.name.includes('uvicorn')), tree.detail.textContent];
    """
    only, said = browser.execute_script(tree + find, "UVICORN")
    assert only
    assert re.match(r"\d+ functions in \d+ places: [\d,]+ bytecodes of their own", said)
    against = """
        tree.search.value = '';
        tree.against.value = 'starlette';
        tree.against.dispatchEvent(new Event('change'));
        return [tree.root.alla, tree.root.allb, tree.detail.textContent];
    """
    below, own, said = browser.execute_script(tree + against)
    assert (below, own) == pytest.approx((bytecodes["starlette"], bytecodes["fastapi"]), rel=0.01)
    assert "bytecodes in starlette" in said


def rounded(path: Path) -> str:
    """A picture without the last digits of its numbers, in which two processors may differ."""
    return re.sub(r"\d+\.\d{5,}", lambda found: f"{float(found[0]):.3f}", path.read_text())


def test_docs_are_those_of_the_reference_records(bench: Bench, tmp_path: Path) -> None:
    page = ROOT / "docs" / "report.html"
    text = page.read_text()
    assert page.stat().st_size < ALLOWED
    for folder in (*CATALOGUE.ladders, "history"):
        for path in (REFERENCE / folder).glob("*.json"):
            assert path.name in text, "type `make readme`"
    done = bench("charts", "--reference", "--out", tmp_path / "charts")
    assert done.returncode == 0, done.stderr
    drawn = {path.name: rounded(path) for path in (tmp_path / "charts").iterdir()}
    assert drawn == {path.name: rounded(path) for path in (ROOT / "docs" / "charts").iterdir()}, "type `make readme`"
    past = [f"history-{path.stem}" for path in (REFERENCE / "history").glob("*.json")]
    assert {name for name in drawn if "light" in name and "matrix" not in name} == {
        f"{name}-light.svg" for name in (*CHARTS, *past)
    }


def test_other_records(bench: Bench, tmp_path: Path) -> None:
    """An anatomy alone is a page as well; what has no picture is an error of one line, which names it."""
    anatomy = latest("anatomy", REFERENCE / "transport")
    (tmp_path / "a.json").write_bytes(anatomy.read_bytes())
    done = bench("report", "--record", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "a.html").read_text()
    assert "request takes" in text
    assert "`make bench` measures" in text, "what is missing, and how to make it"
    (tmp_path / "s.json").write_bytes(encode(Sensitivity(budget=60, threshold=1, floor=0.1)))
    tried = bench("report", "--record", tmp_path / "s.json")
    assert tried.returncode == 2
    assert "no record of bench, pair, anatomy, versus or sweep" in tried.stderr
    assert bench("report", "--record", tmp_path / "none.json").returncode == 2


def test_a_pair(bench: Bench, tmp_path: Path) -> None:
    """It has a verdict for a headline, the turns of its run, and the command that makes it again."""
    made = ladder()
    record = Pair(load=made.load, turn_ms=100, layers=made.layers[:2], rounds=made.rounds, budget=60, threshold=1)
    for each in record.rounds:
        each.turns = [turn for turn in each.turns if turn.layer in ("asyncio", "uvicorn")]
        each.instances = [one for one in each.instances if one.layer in ("asyncio", "uvicorn")]
    (tmp_path / "p.json").write_bytes(encode(record))
    done = bench("report", "--record", tmp_path / "p.json")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "p.html").read_text()
    assert '<p class="headline">uvicorn serves 65.' in text
    assert "96 turns of 2 layers in 6 rounds, and all of them count." in text
    assert "no layer has both turns and plain windows" in text
    assert "make pair A=asyncio B=uvicorn BUDGET=60 THRESHOLD=1\n" in text
    drawn = bench("charts", "--record", tmp_path / "p.json")
    assert drawn.returncode == 0, drawn.stderr
    assert {each.stem for each in (tmp_path / "p-charts").glob("*-dark.svg")} == {"cost-dark", "decays-dark"}


def shown(bench: Bench, folder: Path, record: Record) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The page of a record, and what each of its charts draws."""
    (folder / "x.json").write_bytes(encode(record))
    done = bench("report", "--record", folder / "x.json")
    assert done.returncode == 0, done.stderr
    text = (folder / "x.html").read_text()
    (data,) = re.findall(r'id="data">(.*?)</script>', text)
    return text, {name: [*drawn(spec)] for name, spec in json.loads(data)["charts"][0].items()}


def drawn(spec: Any) -> Iterator[dict[str, Any]]:
    """The rows of a chart's data."""
    for each in (spec, *spec["layer"]):
        yield from each.get("data", {}).get("values", ())


def test_what_makes_a_record_again(bench: Bench, tmp_path: Path) -> None:
    made = ladder()
    assert "make bench BUDGET=60 PRECISION=5\n" in shown(bench, tmp_path, made)[0]
    made.ladder, made.workload, made.turn_ms = "stack", "pipelined", 50
    made.load = msgspec.structs.replace(made.load, connections=16)
    text, _ = shown(bench, tmp_path, made)
    assert "make bench LADDER=stack WORKLOAD=pipelined BUDGET=60 PRECISION=5 TURN=50 CONNECTIONS=16\n" in text
    assert "16 connections, 1 thread, turns of 50 ms, plain windows of 1 s" in text


@pytest.mark.parametrize("two_speeds", [False, True])
def test_every_turn_is_drawn(bench: Bench, tmp_path: Path, two_speeds: bool) -> None:
    """A turn that counts costs about what its layer does; those that do not are told from them."""
    text, charts = shown(bench, tmp_path, ladder(two_speeds=two_speeds))
    rows = [row for row in charts["turns"] if "layer" in row]
    assert len(rows) == 240
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert all(0.8 < row["ratio"] < 1.2 for row in rows if not row["slow"])
    slow = [row["ratio"] for row in rows if row["slow"]]
    assert bool(slow) == two_speeds
    assert all(ratio > 1.05 for ratio in slow)
    end = f"; {len(slow)} of them were slow and do not count." if slow else ", and all of them count."
    assert f"240 turns of 5 layers in 6 rounds{end}" in text


def test_of_a_long_run_not_every_turn_is_drawn(bench: Bench, tmp_path: Path) -> None:
    text, charts = shown(bench, tmp_path, ladder(rounds=40))
    assert "One turn of 2 is drawn." in text
    assert sum("layer" in row for row in charts["turns"]) == 800
    assert "1,600 turns of 5 layers" in text


def test_turns_beside_plain_windows(bench: Bench, tmp_path: Path) -> None:
    made = ladder()
    made.row("fastapi").plain = "an answer takes 12 ms"
    rows = {row["layer"]: row for row in shown(bench, tmp_path, made)[1]["wake-ups"]}
    assert [*rows] == [*LADDER][:-1], "a layer that cannot take turns has nothing beside its windows"
    assert rows["starlette"]["more"] == pytest.approx(WAKING_US, abs=1)
    assert rows["starlette"]["words"] == f"wrk sleeps {SLEEPS} times per request"
    assert rows["asyncio"]["more"] == pytest.approx(0, abs=0.2)
    made.windows = []
    text, charts = shown(bench, tmp_path, made)
    assert "no layer has both turns and plain windows" in text
    assert not {"wake-ups", "latency"} & {*charts}


def test_a_machine_that_cannot_take_turns(bench: Bench, tmp_path: Path) -> None:
    """As macOS: plain windows only, which the page says."""
    made = ladder()
    made.rounds, made.turn_ms = [], None
    text, charts = shown(bench, tmp_path, made)
    assert [*charts] == ["cost", "decays", "latency"]
    assert "not by turns: these figures are indicative only" in text
    assert "no turns: these layers were measured in plain windows" in text


def test_releases(bench: Bench, tmp_path: Path) -> None:
    """A chart, the figures and the steps of each series, and no two series in one file."""
    made = [release(version, own) for version, own in (("1.0", 1000), (EVIL, 1100), ("1.2", 1100))]
    old = [msgspec.structs.replace(each, wanted=msgspec.structs.replace(each.wanted, python="3.12.1")) for each in made]
    write_all(made + old, tmp_path / "history" / "x.jsonl")
    keep(made[0], tmp_path / "history")
    done = bench("report", "--record", tmp_path / "history", "--out", tmp_path / "h.html")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "h.html").read_text()
    assert EVIL not in text
    assert "own bytecodes 1,000 -&gt; 1,100 (+10.00%): get +100" in text
    (data,) = re.findall(r'id="data">(.*?)</script>', text)
    assert [*json.loads(data)["charts"][0]] == [
        f"fastapi-fastapi-python-{python}-newest" for python in ("3.13.0", "3.12.1")
    ]


def test_two_versions(bench: Bench, tmp_path: Path) -> None:
    """The verdict in words, the functions, and both call trees of each layer; charts have none of it."""
    a, same, more = counted(100_000, 500), counted(100_000, 500), counted(110_000, 520)
    assert more.tree
    more.tree.children[0].function = EVIL
    (tmp_path / "v.json").write_bytes(encode(versus(layer("low", a, same), layer(LONGEST, a, more))))
    done = bench("report", "--record", tmp_path / "v.json")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "v.html").read_text()
    said = f"slower: pack 2 takes 10,000 more instructions per request (+10.00%) than pack 1 on {LONGEST}."
    assert f'<p class="headline">{said}</p>' in text
    assert EVIL not in text
    assert '">0 -&gt; 1</td>' in text, "a function that only B calls"
    (data,) = re.findall(r'id="data">(.*?)</script>', text)
    found = json.loads(data)["parts"][0]["tree"]
    assert found["layer"] == LONGEST, "the layer that the verdict is about comes first"
    whole = {side: {name: tree[3][0][2] for name, tree in found[side].items()} for side in ("before", "trees")}
    assert whole == {"before": {LONGEST: 500, "low": 500}, "trees": {LONGEST: 520, "low": 500}}
    assert '<option value="A" selected>A, pack 1</option>' in text, "it opens on the difference"
    charts = bench("charts", "--record", tmp_path / "v.json")
    assert charts.returncode == 2
    assert "v is a record of `make versus`, which has no charts" in charts.stderr
