"""A specification -> SVG and PNG, light or dark, without a browser."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import vl_convert

from bench.data.errors import BadInput
from bench.report.charts.picture import Missing, Picture, Spec
from bench.report.charts.theme import CONFIG, DARK, LIGHT, painted

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
    return painted(whole, COLOURS[scheme])


def svg(spec: Spec, scheme: str, title: str) -> str:
    """As SVG, which GitHub shows as it is. The same specification gives the same bytes."""
    drawn: str = vl_convert.vegalite_to_svg(_whole(spec, scheme, title))
    return drawn + "\n"


def png(spec: Spec, scheme: str, title: str) -> bytes:
    """As PNG, for slides and chats."""
    drawn: bytes = vl_convert.vegalite_to_png(_whole(spec, scheme, title), scale=SCALE)
    return drawn


def draw(made: Iterable[Picture | Missing], folder: Path, with_png: bool = False) -> list[Missing]:
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


def _draw(found: Picture, folder: Path, with_png: bool) -> None:
    for scheme in COLOURS:
        path = folder / f"{found.name}-{scheme}.svg"
        path.write_text(svg(found.spec, scheme, found.title), encoding="utf-8")
        if with_png:
            path.with_suffix(".png").write_bytes(png(found.spec, scheme, found.title))


@functools.cache
def bundle() -> str:
    """Vega, Vega-Lite and vegaEmbed as one script, about 0.9 MB."""
    script: str = vl_convert.javascript_bundle()
    return script
