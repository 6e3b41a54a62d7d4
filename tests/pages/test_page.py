"""The page in a browser without a network, and what docs/ has of it."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from asgi_anatomy.counts.trees import frames
from asgi_anatomy.documents.store import REFERENCE, encode, latest, read_record
from asgi_anatomy.documents.trees import Calls
from asgi_anatomy.history.record import keep, write_all
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import Anatomy, Frame, Layers, Measured, Pair, Sensitivity
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
ALLOWED = 1_000_000  # characters, without the call trees
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


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core, or nothing where npm is not here."""
    done = subprocess.run(["sh", "scripts/axe.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    if os.environ.get("CI") == "true":
        assert done.returncode == 0, done.stderr
    return AXE.read_text() if AXE.exists() else ""


def violations(browser: webdriver.Chrome, axe: str, where: str) -> list[str]:
    """What axe has against a part of the page; nothing where there is no axe."""
    if not axe:
        return []
    browser.execute_script(axe + ";window.axe = axe;")
    found: list[str] = browser.execute_async_script(
        "axe.run(arguments[0], {resultTypes: ['violations']}).then((found) => arguments[1](found.violations"
        ".map((each) => each.id + ': ' + each.nodes.map((node) => node.html).slice(0, 3).join(' '))))",
        where,
    )
    return found


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_looks_right(browser: webdriver.Chrome, page: Path, axe: str, width: int, scheme: str) -> None:
    visit(browser, page, width, scheme)
    tabs = browser.execute_script("return all('nav a').map((each) => each.textContent)")
    assert any(f"ladder {EVIL}" in tab for tab in tabs), "the heat map of workloads"
    for source in range(len(tabs)):
        browser.execute_script(f"show({source})")
        charts = browser.execute_script(
            "return all('.chart svg').filter((each) => each.getClientRects().length)"
            ".map((each) => all('path', each).length)"
        )
        wanted = [len(CHARTS) + 1] * 2 + [len(CHARTS) - 1]  # the course of each run; the third has no anatomy
        assert len(charts) == (wanted[source] if source < len(wanted) else 1)
        assert min(charts) > 3, "every chart is drawn"
        assert not browser.execute_script(PROBLEMS)
        if source in (0, len(tabs) - 1) and (width, scheme) in AUDITED:
            assert not violations(browser, axe, "html")
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
    hidden = browser.execute_script("return all('article').map((each) => each.hidden)")
    assert [place for place, each in enumerate(hidden) if not each] == [1]
    visit(browser, page, 390, "light", "#own_ms=x&rps=-1&show=99")
    assert browser.execute_script(outputs)[:2] == ["1 ms", "2,000"], "what is no number is as if it were not there"


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


TREE = "const tree = one('article:not([hidden]) section.tree').icicle, boxes = [...tree.drawn];"
CHOOSE = "tree[arguments[0]].value = arguments[1]; tree[arguments[0]].dispatchEvent(new Event('change'));"
CHOSEN = "return [tree.top.name, tree.layer.value, tree.against.value, tree.search.value];"


def calls_of(layer: str) -> list[Frame]:
    """The calls of one request in the reference record."""
    record = read_record(latest("anatomy", REFERENCE / "default"), Anatomy)
    (tree,) = [each.tree for each in record.anatomy if each.layer == layer and each.tree]
    return [*frames(tree)]


def bytecodes(calls: Iterable[Frame]) -> float:
    return sum(frame.bytecodes for frame in calls)


def press(browser: webdriver.Chrome, *keys: str) -> str:
    """Press keys where the focus is; returns what the call tree says then."""
    browser.switch_to.active_element.send_keys(*keys)
    said: str = browser.execute_script(TREE + "return tree.detail.textContent")
    return said


def shows(browser: webdriver.Chrome, chosen: list[str]) -> None:
    """Wait until the call tree shows this."""
    WebDriverWait(browser, 5).until(lambda _: browser.execute_script(TREE + CHOSEN) == chosen, str(chosen))


def test_the_call_tree_is_walked_and_zoomed_by_keys(browser: webdriver.Chrome, page: Path) -> None:
    visit(browser, page, 1280, "light")
    count, whole = browser.execute_script(TREE + "return [boxes.length, tree.root.allb]")
    assert count > 50
    assert whole == pytest.approx(bytecodes(calls_of("fastapi")), rel=1e-4)
    focus = "tree.drawn.get(tree.nodes.find((each) => each.name === 'starlette:Route.handle')).focus()"
    browser.execute_script(TREE + focus)
    assert press(browser, Keys.ENTER).startswith("starlette: Route.handle: ")
    zoomed = """
        const width = Number(one('rect', document.activeElement).getAttribute('width'));
        const path = all('button', tree.path).map((each) => each.textContent);
        return [boxes.length, width === tree.icicle.clientWidth, path];
    """
    fewer, wide, path = browser.execute_script(TREE + zoomed)
    assert 1 < fewer < count
    assert wide, "as wide as the page"
    assert path[:3] == ["one request", "uvicorn RequestResponseCycle.run_asgi", "ProxyHeadersMiddleware.__call__"]
    assert path[-3:] == ["fastapi APIRouter.app", "APIRoute.handle", "starlette Route.handle"]
    assert press(browser, Keys.ARROW_DOWN).startswith("fastapi: request_response.<locals>.app: ")
    assert press(browser, Keys.ESCAPE).startswith("fastapi: APIRoute.handle: ")
    browser.execute_script(TREE + "one('button', tree.path).focus()")
    assert press(browser, Keys.ENTER).startswith("one request: "), "the path leads back to the whole"


def test_a_search_counts_what_it_finds_and_goes_through_it(browser: webdriver.Chrome, page: Path) -> None:
    visit(browser, page, 1280, "light")
    calls = calls_of("fastapi")
    (handle,) = (frame for frame in calls if frame.name == "fastapi:APIRoute.handle")
    share = 100 * bytecodes([handle, *frames(handle)]) / bytecodes(calls)
    browser.execute_script(TREE + "tree.search.focus()")
    found = "return tree.found.textContent"
    press(browser, "FASTAPI:apiroute.h")
    assert browser.execute_script(TREE + found) == f"1 frame, {share:.1f}% of the request", "with what it calls"
    press(browser, Keys.CONTROL + "a", Keys.NULL, "json")
    hits = [frame for frame in calls if "json" in frame.name.lower()]
    once = {id(frame): frame for hit in hits for frame in (hit, *frames(hit))}
    assert len(once) < sum(1 + len([*frames(hit)]) for hit in hits), "some hits are below others"
    share = 100 * bytecodes(once.values()) / bytecodes(calls)
    assert browser.execute_script(TREE + found) == f"{len(hits)} frames, {share:.1f}% of the request"
    lit = "return boxes.filter(([, box]) => !box.classList.contains('dim')).map(([node]) => node.name)"
    names = browser.execute_script(TREE + lit)
    assert names
    assert all("json" in name.lower() for name in names)
    places = [press(browser, key).split(":")[0] for key in (Keys.ENTER, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_UP)]
    assert places == [f"{place} of {len(hits)}" for place in (1, 2, 1, len(hits))]
    wide = "return Number(one('.hit rect', tree.icicle).getAttribute('width'))"
    assert browser.execute_script(TREE + wide) >= 4, "the picture zooms to where the hit can be seen"
    browser.execute_script(TREE + "tree.drawn.get(tree.top).focus()")
    assert press(browser, "n").startswith(f"1 of {len(hits)}: ")
    assert press(browser, "N").startswith(f"{len(hits)} of {len(hits)}: ")
    focused = browser.execute_script(TREE + "return document.activeElement.node === tree.hit")
    assert focused


def test_the_sentence_and_the_table_follow_the_layer(browser: webdriver.Chrome, page: Path) -> None:
    visit(browser, page, 1280, "light")
    read = """
        const rows = [...one('tbody', tree.part).rows].map((row) => [...row.cells].map((each) => each.textContent));
        return [tree.sentence.textContent, one('summary', tree.part).textContent, rows];
    """
    as_built = (
        "return new DOMParser().parseFromString(arguments[0], 'text/html').querySelector('section.tree').innerHTML"
    )
    before = browser.execute_script(as_built, page.read_text())
    said, title, rows = browser.execute_script(TREE + read)
    assert f">{html.escape(said)}<" in before, "as the page says it without JavaScript"
    assert f">{title}<" in before
    assert [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", before)] == [*chain(*rows)]
    said, title, rows = browser.execute_script(TREE + CHOOSE + read, "layer", "uvicorn")
    calls = calls_of("uvicorn")
    functions, made = {frame.name for frame in calls}, sum(frame.calls for frame in calls)
    assert said.startswith(f"One uvicorn request makes {made:,.0f} calls of {len(functions)} functions; most")
    assert title == f"The {len(rows)} functions of uvicorn with the most bytecodes"
    assert {row[0] for row in rows} <= functions
    browser.execute_script(TREE + CHOOSE, "layer", "fastapi")
    said, title, rows = browser.execute_script(TREE + CHOOSE + read, "against", "starlette")
    more = bytecodes(calls_of("fastapi")) - bytecodes(calls_of("starlette"))
    assert re.match(rf"fastapi against starlette: \+\d+ Python calls, \+{more:,.0f}\b", said)
    assert title == "The 40 functions that differ most from starlette: more or less in fastapi"
    assert ["starlette:Router.app", "-1"] in [row[:2] for row in rows], "FastAPI has a router of its own"


def test_what_is_looked_at_in_the_call_tree_is_in_the_address(browser: webdriver.Chrome, page: Path, axe: str) -> None:
    """On a telephone, by touch: a link to a place, a tap, another record, and Back through all of it."""
    here = "#layer=fastapi&against=starlette&zoom=fastapi%3AAPIRoute.handle&search=json"
    place = ["fastapi:APIRoute.handle", "fastapi", "starlette", "json"]
    visit(browser, page, 390, "dark", here)
    assert browser.execute_script(TREE + CHOSEN) == place
    assert browser.execute_script("return scrollY") > 0
    assert not browser.execute_script(PROBLEMS)
    assert not violations(browser, axe, "section.tree")
    assert browser.execute_script(TREE + "return tree.path.clientHeight") < 40, "its path is one line"
    tap = """
        tree.icicle.scrollIntoView({behavior: 'instant'});
        const child = tree.top.children.find((each) => each.name === 'starlette:Route.handle');
        const box = tree.drawn.get(child).getBoundingClientRect();
        return {x: box.x + 9, y: box.y + 9};
    """
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for touch, points in (("touchStart", [browser.execute_script(TREE + tap)]), ("touchEnd", [])):
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": touch, "touchPoints": points})
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    tapped = ["starlette:Route.handle", *place[1:]]
    shows(browser, tapped)
    browser.execute_script("one('nav a[data-show=\"1\"]').click()")
    assert browser.execute_script("return location.hash") == "#show=1"
    link = "#layer=starlette&zoom=starlette:Router.app"
    follow = """
        const link = document.createElement('a');
        link.href = arguments[0];
        one('article:not([hidden])').append(link);
        link.click();
    """
    browser.execute_script(follow, link)
    linked = ["starlette:Router.app", "starlette", "", ""]
    assert browser.execute_script(TREE + CHOSEN) == linked
    assert browser.execute_script("return address.get().show") == "1", "a link stays in its record"
    for before in (["one request", LONGEST, "", ""], tapped, place):
        browser.back()
        shows(browser, before)
    visit(browser, page, 390, "dark", "#layer=none&against=none&zoom=none~7&show=0")
    assert browser.execute_script(TREE + CHOSEN) == ["one request", "fastapi", "", ""], "what is not here is not said"
    second = "return tree.nodes.filter((each) => each.name === tree.top.name).indexOf(tree.top)"
    visit(browser, page, 390, "dark", "#zoom=starlette:wrap_app_handling_exceptions.<locals>.wrapped_app~2")
    assert browser.execute_script(TREE + second) == 1


def test_the_call_tree_is_printed_whole_and_in_light_colours(browser: webdriver.Chrome, page: Path) -> None:
    visit(browser, page, 390, "dark", "#zoom=fastapi:FastAPI.__call__")
    view = "one('section.tree .icicle svg').getAttribute('viewBox').split(' ')[2]"
    browser.execute_script(f"addEventListener('beforeprint', () => {{ window.printed = {view}; }})")
    browser.print_page()
    assert browser.execute_script("return printed") == "720", "drawn for paper, not for the screen"
    WebDriverWait(browser, 5).until(lambda _: browser.execute_script(f"return {view}") == "350")
    paper = {"width": 718, "height": 1040, "deviceScaleFactor": 1, "mobile": False}  # A4
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", paper)
    media = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    seen = """
        const svg = one('svg', tree.icicle), box = svg.getBoundingClientRect();
        const shown = (what) => all(what, tree.part).filter((each) => each.getClientRects().length).length;
        const ink = getComputedStyle(one('text', svg)).fill;
        return [box.left, box.right, box.height, ink, shown('select'), shown('.path li')];
    """
    left, right, height, ink, tools, path = browser.execute_script(TREE + seen)
    assert (left, right) == (0, 718)
    assert height < 1040
    assert (ink, tools) == ("rgb(27, 31, 36)", 0), "as FastAPI's colour has it in light"
    assert path == 4, "what it is zoomed to"


def test_two_call_trees_are_one(browser: webdriver.Chrome, page: Path) -> None:
    """A layer that is wrapped in another stays the same layer; what is called twice is two calls."""
    visit(browser, page, 1280, "light")
    joined = """
        const tree = (name, ...below) => ({name, calls: 1, own: 1, below});
        const show = ({a, b, below}) => [(a ? 'a' : '') + (b ? 'b' : '') + ' ' + (a || b).name, ...below.map(show)];
        const lower = tree('', tree('app', tree('read'), tree('read')), tree('gone'));
        const upper = tree('', tree('wrap', tree('new'), tree('app', tree('read'), tree('read'), tree('read'))));
        return [show(join(lower, upper)), show(join(upper, lower))];
    """
    up, down = browser.execute_script(joined)
    app = ["ab app", ["ab read"], ["ab read"]]
    assert up == ["ab ", ["a gone"], ["b wrap", ["b new"], [*app, ["b read"]]]]
    assert down == ["ab ", ["a wrap", ["a new"], [*app, ["a read"]]], ["b gone"]]


def test_calls_that_are_alike_are_stored_once() -> None:
    read = Frame("c", "read", 1, 5.004)
    calls = Calls()
    trees = {"low": Frame("", "", 0, 0, [read]), "high": Frame("", "", 0, 0, [Frame("b", "wrap", 0.5, 2.25, [read])])}
    assert calls.packed({"colours": {"c": 1}, "trees": trees}) == {"colours": {"c": 1}, "trees": {"low": 1, "high": 3}}
    assert [*calls.names] == ["c:read", ":", "b:wrap"]
    assert [*calls.rows] == [(0, 1, 5), (1, 0, 0, 0), (2, 0.5, 2.25, 0), (1, 0, 0, 2)]


@pytest.mark.parametrize(("width", "form"), [(1280, "wide"), (390, "narrow")])
def test_one_request(browser: webdriver.Chrome, page: Path, width: int, form: str) -> None:
    """The drawing that fits is shown; its words fit into it, and a click goes to the place in the call tree."""
    visit(browser, page, width, "light", "#own_ms=5")
    shown = """
        const links = all('article:not([hidden]) section.request a').filter((each) => each.getClientRects().length);
        const svg = links[0].closest('svg'), room = svg.getBoundingClientRect();
        const outside = all('text', svg).filter((each) => {
          const box = each.getBoundingClientRect();
          return box.left < room.left - 1 || box.right > room.right + 1;
        });
        return [svg.parentNode.className, links.map((each) => one('text', each).textContent), outside.length];
    """
    place, words, outside = browser.execute_script(shown)
    assert place == form
    assert not outside
    assert [each.rpartition(" ")[0] for each in words[:2]] == ["event loop", "parse"]
    assert len(words) == 14
    click = """
        const link = all('section.request a').find((each) => one('text', each).textContent.startsWith('JSON'));
        link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
        return [location.hash, one('section.tree').icicle.top.name];
    """
    zoomed = ["#own_ms=5&layer=fastapi&zoom=starlette%3ARequest.json", "starlette:Request.json"]
    assert browser.execute_script(click) == zoomed


def rounded(path: Path) -> str:
    """A picture without the last digits of its numbers, in which two processors may differ."""
    return re.sub(r"\d+\.\d{5,}", lambda found: f"{float(found[0]):.3f}", path.read_text())


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of all reference records."""
    out = tmp_path_factory.mktemp("reference") / "report.html"
    done = run("report", "--reference", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.all
def test_the_page_of_the_reference_records(browser: webdriver.Chrome, reference: Path) -> None:
    """Its name, the answer and the first chart are on the first screen; the tabs are called after their ladders."""
    text = reference.read_text()
    for folder in (*CATALOGUE.ladders, "history"):
        for path in (REFERENCE / folder).glob("*.json"):
            assert path.name in text
    (data,) = re.findall(r'id="data">(.*?)</script>', text)
    assert len(text) - len(data) < ALLOWED
    visit(browser, reference, 1280, "light")
    assert browser.title == browser.find_element("css selector", "h1").text == "asgi-anatomy: What every layer costs"
    tabs = browser.execute_script("return all('nav a').map((each) => each.textContent)")
    assert {*CATALOGUE.ladders} & {*tabs} == {path.parent.name for path in REFERENCE.glob("*/*-anatomy.json")}
    tops = "return ['cost', 'yours'].map((each) => one(`section.${each}`).getBoundingClientRect()[arguments[0]])"
    assert browser.execute_script(tops, "bottom")[0] < 1100, "its notes may be below"
    assert browser.execute_script("return one('.cost .chart').getBoundingClientRect().bottom") < 900
    assert browser.execute_script(tops, "top") == sorted(browser.execute_script(tops, "top"))


@pytest.mark.all
def test_without_javascript(browser: webdriver.Chrome, reference: Path) -> None:
    """And on paper: all records are there, with their charts, in the colours for paper."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        visit(browser, reference, 1280, "dark")
        charts = browser.find_elements("css selector", ".chart .wide svg")
        assert len(charts) > 40
        assert all(chart.size["height"] > 50 for chart in charts)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        assert browser.find_element("css selector", "body").value_of_css_property("color") == "rgba(27, 31, 36, 1)"
        assert all(chart.is_displayed() for chart in charts)
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_charts_of_docs(bench: Bench, tmp_path: Path) -> None:
    """They are those of the reference records, and each of them is shown."""
    done = bench("charts", "--reference", "--out", tmp_path / "charts")
    assert done.returncode == 0, done.stderr
    drawn = {path.name: rounded(path) for path in (tmp_path / "charts").iterdir()}
    assert drawn == {path.name: rounded(path) for path in (ROOT / "docs" / "charts").iterdir()}, "type `make readme`"
    text = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert {name for name in drawn if f"charts/{name}" not in text} <= {"wake-ups-light.svg", "wake-ups-dark.svg"}
    assert (ROOT / "docs" / "report.png").stat().st_size < 100_000


@pytest.mark.all
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


@pytest.mark.all
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


def shown(bench: Bench, folder: Path, record: Record) -> tuple[str, dict[str, str]]:
    """The page of a record, and each of its charts as SVG."""
    (folder / "x.json").write_bytes(encode(record))
    done = bench("report", "--record", folder / "x.json")
    assert done.returncode == 0, done.stderr
    text = (folder / "x.html").read_text()
    return text, dict(re.findall(r'data-chart="([^"]+)"><div class="wide">(.*?)</div>', text))


@pytest.mark.all
def test_what_makes_a_record_again(bench: Bench, tmp_path: Path) -> None:
    made = ladder()
    assert "make bench BUDGET=60 PRECISION=5\n" in shown(bench, tmp_path, made)[0]
    made.ladder, made.workload, made.turn_ms = "stack", "pipelined", 50
    made.load = msgspec.structs.replace(made.load, connections=16)
    text, _ = shown(bench, tmp_path, made)
    assert "make bench LADDER=stack WORKLOAD=pipelined BUDGET=60 PRECISION=5 TURN=50 CONNECTIONS=16\n" in text
    assert "16 connections, 1 thread, turns of 50 ms, plain windows of 1 s" in text


@pytest.mark.all
@pytest.mark.parametrize("two_speeds", [False, True])
def test_every_turn_is_drawn(bench: Bench, tmp_path: Path, two_speeds: bool) -> None:
    """A turn that counts costs about what its layer does; those that do not are told from them."""
    text, charts = shown(bench, tmp_path, ladder(two_speeds=two_speeds))
    slow, every = charts["turns"].count('stroke="var(--slow)"'), charts["turns"].count("<path")
    assert every == 240
    assert bool(slow) == two_speeds
    (said,) = re.findall(r">240 turns of 5 layers in 6 rounds(.*?)</p>", text)
    count = re.fullmatch(r"; (\d+) of them were slow and do not count\.", said)
    assert bool(count) == two_speeds
    assert count or said == ", and all of them count."
    ranges = re.findall(r">(0\.\d\d) - (1\.\d\d)</td>", text)
    assert len(ranges) == 5
    assert all(float(least) > 0.8 and float(most) < 1.2 for least, most in ranges)
    assert ("not the wake-ups alone" in text) == two_speeds


@pytest.mark.all
def test_of_a_long_run_not_every_turn_is_drawn(bench: Bench, tmp_path: Path) -> None:
    text, charts = shown(bench, tmp_path, ladder(rounds=40))
    assert "One turn of 6 is drawn." in text
    assert charts["turns"].count("<path") == 267
    assert "1,600 turns of 5 layers" in text


@pytest.mark.all
def test_turns_beside_plain_windows(bench: Bench, tmp_path: Path) -> None:
    made = ladder()
    made.row("fastapi").plain = "an answer takes 12 ms"
    chart = shown(bench, tmp_path, made)[1]["wake-ups"]
    costs = re.findall(
        r"<title>(\w+): ([\d.,]+)\u00a0µs by turns, ([\d.,]+)\u00a0µs under an ordinary wrk</title>", chart
    )
    rows = {layer: float(plain) - float(turns) for layer, turns, plain in costs}
    assert {*rows} == {*LADDER} - {"fastapi"}, "a layer that cannot take turns has nothing beside its windows"
    assert rows["starlette"] == pytest.approx(WAKING_US, abs=1)
    assert f">wrk sleeps {SLEEPS} times per request<" in chart
    assert rows["asyncio"] == pytest.approx(0, abs=0.2)
    made.windows = []
    text, charts = shown(bench, tmp_path, made)
    assert "no layer has both turns and plain windows" in text
    assert not {"wake-ups", "latency"} & {*charts}


@pytest.mark.all
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
    assert re.findall('data-chart="(.*?)"', text) == [
        f"fastapi-fastapi-python-{python}-newest" for python in ("3.13.0", "3.12.1")
    ]


def test_two_versions(bench: Bench, browser: webdriver.Chrome, tmp_path: Path) -> None:
    """The verdict in words, the functions, and both call trees of each layer; charts have none of it."""
    a, same, more = counted(100_000, 500), counted(100_000, 500), counted(110_000, 520)
    assert more.tree
    more.tree.children[0].function = EVIL
    (tmp_path / "v.json").write_bytes(encode(versus(layer("low", a, same), layer(LONGEST, a, more))))
    done = bench("report", "--record", tmp_path / "v.json")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "v.html").read_text()
    said = f"slower: pack 2 takes 10,000 more instructions per User request (+10.00%) than pack 1 on {LONGEST}."
    assert f'<p class="headline">{said}</p>' in text
    assert EVIL not in text
    assert '">0 -&gt; 1</td>' in text, "a function that only B calls"
    (data,) = re.findall(r'id="data">(.*?)</script>', text)
    found = json.loads(data)["parts"][0]["tree"]
    assert [*found["trees"]] == [LONGEST, "low"], "the layer that the verdict is about comes first"
    calls = json.loads(data)["calls"]
    whole = {side: {name: calls[calls[at][3]][2] for name, at in found[side].items()} for side in ("before", "trees")}
    assert whole == {"before": {LONGEST: 500, "low": 500}, "trees": {LONGEST: 520, "low": 500}}
    assert '<option value="A" selected>A, pack 1</option>' in text, "it opens on the difference"
    visit(browser, tmp_path / "v.html", 1280, "light")
    says = "return tree.sentence.textContent"
    assert browser.execute_script(TREE + says) in re.findall(r'<p class="sentence">(.*?)</p>', text)
    low = "B against A on low: 0 Python calls, 0 bytecodes per request."
    assert browser.execute_script(TREE + CHOOSE + says, "layer", "low") == low
    charts = bench("charts", "--record", tmp_path / "v.json")
    assert charts.returncode == 2
    assert "v is a record of `make versus`, which has no charts" in charts.stderr
