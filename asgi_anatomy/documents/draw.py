"""Pictures: their colours, light and dark, how charts look, and drawing them as SVG and PNG without a browser.

A specification names a colour as a page does: `var(--accent)`.
"""

import html
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import vl_convert

from asgi_anatomy.documents.document import Table
from asgi_anatomy.documents.palette import DARK, LIGHT
from asgi_anatomy.documents.words import plain, plain_in
from asgi_anatomy.errors import BadInput

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "padding": {"left": 0, "right": 0, "top": 2, "bottom": 2},
    "axis": {
        "labelFont": FONT, "titleFont": FONT, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--faint)", "domain": False,
        "ticks": False, "labelPadding": 6, "titlePadding": 10, "titleAnchor": "start", "titleAlign": "left",
    },
    "legend": {
        "labelFont": FONT, "titleFont": FONT, "labelFontSize": 12, "labelColor": "var(--ink)", "orient": "top",
        "title": None, "symbolType": "square", "symbolStrokeWidth": 0, "symbolSize": 110, "columnPadding": 18,
        "rowPadding": 5, "offset": 14, "labelLimit": 200, "direction": "horizontal",
    },
    "text": {"font": FONT, "fontSize": 13, "color": "var(--ink)", "baseline": "middle"},
}  # fmt: skip


def painted(text: str, colours: dict[str, str]) -> str:
    """A specification or a drawing with its colours put in, for where there is no style sheet."""
    for name, colour in colours.items():
        text = text.replace(f"var(--{name})", colour)
    return text


def style_sheet() -> str:
    """The colours as custom properties: dark where the reader's system is, light on paper."""
    light, dark = ("".join(f"--{name}:{colour};" for name, colour in each.items()) for each in (LIGHT, DARK))
    root = f"--font:{FONT};"
    return (
        f":root{{{root}{light}color-scheme:light}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}color-scheme:dark}}}}"
    )


Spec = dict[str, Any]
"""A Vega-Lite specification without a width."""


class Picture(msgspec.Struct, frozen=True):
    """What a chart's file makes of a source."""

    name: str
    title: str
    sentence: str
    spec: Spec
    table: Table | None = None
    more: tuple[str, ...] = ()
    """How to read it, and what to note."""


class Sketch(msgspec.Struct, frozen=True):
    """A picture that is no chart: `drawn` makes its SVG, of a width in pixels, with a title or not, with links or not.

    Its colours are those of a page, such as `var(--accent)`.
    """

    name: str
    title: str
    sentence: str
    drawn: Callable[[int, str, bool], str]
    table: Table | None = None
    more: tuple[str, ...] = ()


class Missing(msgspec.Struct, frozen=True):
    """What a picture lacks, and how to make it, on one line."""

    name: str
    title: str
    why: str


WIDTH = 760
SCALE = 2
MARGIN = 20
COLOURS = {"light": LIGHT, "dark": DARK}


def _whole(spec: Spec, scheme: str, title: str) -> dict[str, Any]:
    """With a width, an opaque background and a title: it stands alone, and a host may put it on any page."""
    head = {
        "text": title, "anchor": "start", "frame": "group", "fontSize": 17, "fontWeight": 600, "color": "var(--ink)",
        "subtitle": spec["description"], "subtitleFontSize": 13, "subtitleColor": "var(--muted)", "offset": 18,
        "subtitlePadding": 6,
    }  # fmt: skip
    config = {**CONFIG, "background": "var(--paper)", "padding": MARGIN}
    whole = {"width": WIDTH, **spec, "title": head, "config": config}
    found: dict[str, Any] = json.loads(painted(json.dumps(plain_in(whole)), COLOURS[scheme]))
    return found


def svg(spec: Spec, scheme: str, title: str) -> str:
    """As SVG, which GitHub shows as it is. The same specification gives the same bytes."""
    drawn: str = vl_convert.vegalite_to_svg(_whole(spec, scheme, title))
    return drawn + "\n"


def png(spec: Spec, scheme: str, title: str) -> bytes:
    """As PNG, for slides and chats."""
    drawn: bytes = vl_convert.vegalite_to_png(_whole(spec, scheme, title), scale=SCALE)
    return drawn


NARROW = 390
"""The width of a picture for a telephone."""


def draw(made: Iterable[Picture | Sketch | Missing], folder: Path, with_png: bool = False) -> list[Missing]:
    """Write pictures into a folder, light and dark; returns those that are missing. Raises BadInput."""
    lacking = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for found in made:
            if isinstance(found, Missing):
                lacking.append(found)
            else:
                _draw(found, folder, with_png)
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}: try OUT=another/folder") from None
    return lacking


def _draw(found: Picture | Sketch, folder: Path, with_png: bool) -> None:
    if isinstance(found, Sketch):
        return _draw_by_hand(found, folder, with_png)
    for scheme in COLOURS:
        path = folder / f"{found.name}-{scheme}.svg"
        path.write_text(svg(found.spec, scheme, found.title), encoding="utf-8")
        if with_png:
            path.with_suffix(".png").write_bytes(png(found.spec, scheme, found.title))


def _draw_by_hand(found: Sketch, folder: Path, with_png: bool) -> None:
    """Wide, and NARROW for a telephone, where a wide one could not be read."""
    for suffix, width in (("", WIDTH + 2 * MARGIN), ("-narrow", NARROW)):
        for scheme, colours in COLOURS.items():
            path = folder / f"{found.name}{suffix}-{scheme}.svg"
            drawn = painted(found.drawn(width, found.title, False), {**colours, "font": FONT})
            path.write_text(drawn + "\n", encoding="utf-8")
            if with_png:
                path.with_suffix(".png").write_bytes(vl_convert.svg_to_png(drawn, scale=SCALE))


SVG = "{http://www.w3.org/2000/svg}"
KEPT = {
    "d", "dy", "fill", "fill-opacity", "font-size", "font-weight", "height", "opacity", "rx", "stroke",
    "stroke-dasharray", "stroke-opacity", "stroke-width", "text-anchor", "transform", "width", "x", "x2", "y", "y2",
}  # fmt: skip
"""What of Vega's attributes is seen."""
INHERITED = {"fill", "font-size", "font-weight", "stroke", "stroke-width", "text-anchor"}
DEFAULTS = {("opacity", "1"), ("font-weight", "normal"), ("transform", "translate(0,0)")}


def inline(spec: Spec, width: int, tooltips: bool) -> str:
    """As SVG for a page, whose style sheet has its colours and font; a mark's description becomes its tooltip."""
    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(plain_in({"width": width, **spec, "config": CONFIG})))
    size, body = root.get("viewBox", ""), "".join(_lean(each, tooltips) for each in root)
    label = html.escape(plain(spec["description"]))
    return f'<svg viewBox="{size}" role="img" aria-label="{label}">{body}</svg>'


def _lean(element: ElementTree.Element, tooltips: bool) -> str:
    """An element without what is not seen; what all children of a group have in common is said once, by the group."""
    tag = element.tag.removeprefix(SVG)
    found = _attributes(element)
    if tag == "g":
        _share(element, found)
    elif not _drawn(element, tag):
        return ""
    inside = html.escape(plain(element.text or ""), quote=False)
    inside += "".join(_lean(child, tooltips) for child in element)
    if tooltips and tag == "path" and element.get("aria-roledescription") != "line mark":
        words = element.get("aria-label", "")
        inside = f"<title>{html.escape(plain(words), quote=False)}</title>" if words else ""
    if tag == "g" and not (inside and found):
        return inside
    attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in found.items())
    return f"<{tag}{attributes}>{inside}</{tag}>" if inside else f"<{tag}{attributes}/>"


def _drawn(element: ElementTree.Element, tag: str) -> bool:
    """Whether there is anything of it to see."""
    if tag in ("text", "tspan"):
        return bool("".join(element.itertext()).strip())
    hidden = element.get("opacity") == "0" or element.get("display") == "none" or element.get("class") == "background"
    return not hidden and (tag != "path" or bool(element.get("d")))


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    found = {name: re.sub(r"-?\d+\.\d+", _rounded, value) for name, value in element.items() if name in KEPT}
    return {name: value for name, value in found.items() if (name, value) not in DEFAULTS}


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _share(group: ElementTree.Element, found: dict[str, str]) -> None:
    """Move to a group what all of its children have and would inherit."""
    for name in INHERITED:
        values = {child.get(name) for child in group}
        if len(group) > 1 and len(values) == 1 and (value := values.pop()) is not None:
            found[name] = value
            for child in group:
                del child.attrib[name]
