"""Pictures: their colours, light and dark, how charts look, and drawing them as SVG and PNG without a browser.

A specification names a colour as a page does: `var(--accent)`. Parts of stacked bars differ in lightness as well as in
hue, and each has a colour for the text on it.
"""

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import vl_convert

from asgi_anatomy.documents.document import Table
from asgi_anatomy.documents.words import plain_in
from asgi_anatomy.errors import BadInput

LIGHT = {
    "paper": "#ffffff", "raised": "#f6f7f9", "ink": "#1b1f24", "muted": "#57606c", "faint": "#e8eaee",
    "line": "#c5cbd3", "accent": "#0a5bd3", "on-accent": "#ffffff",
    "soft": "#e3edfc", "slow": "#b3500a", "on-slow": "#ffffff",
    "under1": "#e2e6eb", "under2": "#ced5dd",
    "part1": "#2f6db5", "part2": "#e8ac4e", "part3": "#1c786d", "part4": "#f0c9c2", "part5": "#7d5ea8",
    "part6": "#93c9ec", "part7": "#776a17", "part8": "#dc9dc0", "part9": "#c3cad2",
    "on1": "#ffffff", "on2": "#1b1f24", "on3": "#ffffff", "on4": "#1b1f24", "on5": "#ffffff", "on6": "#1b1f24",
    "on7": "#ffffff", "on8": "#1b1f24", "on9": "#1b1f24",
}  # fmt: skip
DARK = {
    "paper": "#0f1216", "raised": "#171b21", "ink": "#e8eaed", "muted": "#a0a9b5", "faint": "#232931",
    "line": "#434b56", "accent": "#6ea8ff", "on-accent": "#0f1216",
    "soft": "#1a2a44", "slow": "#f2994a", "on-slow": "#0f1216",
    "under1": "#262c34", "under2": "#363f4a",
    "part1": "#5b93dd", "part2": "#f0bd66", "part3": "#45aa9b", "part4": "#f3d3cd", "part5": "#a98ad6",
    "part6": "#b3dcf5", "part7": "#b3a445", "part8": "#f0b6d3", "part9": "#4d5661",
    "on1": "#0f1216", "on2": "#0f1216", "on3": "#0f1216", "on4": "#0f1216", "on5": "#0f1216", "on6": "#0f1216",
    "on7": "#0f1216", "on8": "#0f1216", "on9": "#ffffff",
}  # fmt: skip
PARTS = 8
"""How many parts of a whole get a colour of their own; the rest is one part."""
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


@functools.cache
def bundle() -> str:
    """Vega, Vega-Lite and vegaEmbed as one script, about 0.9 MB."""
    script: str = vl_convert.javascript_bundle()
    return script
