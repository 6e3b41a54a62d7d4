"""A record -> values -> a Vega-Lite specification by Altair: one file a picture, named after it.

Needs the group `report`; the rest of report/ does not. A new picture is a new file, and a line in PICTURES.

Sources -> the page: one HTML file with its styles, its scripts and its figures inside.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from asgi_anatomy.anatomy.page import instructions_picture
from asgi_anatomy.anatomy.page import picture as bytecodes_picture
from asgi_anatomy.bench.page import decays_picture, latency_picture, wakeups_picture
from asgi_anatomy.bench.page import part as matrix_part
from asgi_anatomy.bench.page import picture as cost_picture
from asgi_anatomy.compare.page import part as beside_part
from asgi_anatomy.documents.draw import CONFIG, Missing, Picture, bundle, style_sheet
from asgi_anatomy.documents.part import Part, script, text
from asgi_anatomy.documents.source import Releases, Shown, Sides, Source, Swept, matrices
from asgi_anatomy.history.page import FOOT as HISTORY_FOOT
from asgi_anatomy.history.page import TITLE as HISTORY_TITLE
from asgi_anatomy.history.page import parts as history_parts
from asgi_anatomy.pages.sections import SECTIONS
from asgi_anatomy.sweep.page import FOOT as SWEEP_FOOT
from asgi_anatomy.sweep.page import TITLE as SWEEP_TITLE
from asgi_anatomy.sweep.page import parts as sweep_parts
from asgi_anatomy.turns.record import Bench
from asgi_anatomy.versus.page import FOOT as VERSUS_FOOT
from asgi_anatomy.versus.page import TITLE as VERSUS_TITLE
from asgi_anatomy.versus.page import parts as versus_parts

PICTURES: tuple[Callable[[Source], Picture | Missing], ...] = (
    cost_picture,
    wakeups_picture,
    decays_picture,
    instructions_picture,
    bytecodes_picture,
    latency_picture,
)
"""Those that `make charts` draws."""


ASSETS = Path(__file__).parent / "assets"
TITLE = "What every layer costs"
FOOT = (
    "Made by asgi-anatomy. CPU time is by turns, all servers on one core, unless a note says otherwise; a decay is %"
    " fewer requests per CPU-second than the layer below. How it is measured: the project's docs/METHOD.md."
)


def page(sources: Sequence[Shown], more: Sequence[Bench] = ()) -> str:
    """The whole file. The same records give the same bytes.

    Of `more` there are no parts, but they are in what is said of several workloads.
    """
    several = len(sources) > 1
    parts = [_parts(source) for source in sources]
    layers = [source for source in sources if isinstance(source, Source)]
    grids = matrices([*(source.record for source in layers), *more])
    together = [*map(matrix_part, grids), *filter(None, [beside_part(layers)])]
    title, foot = _about(sources)
    articles = "".join(
        _article(number, source, found, several)
        for number, (source, found) in enumerate(zip(sources, parts, strict=True))
    )
    data = {
        "config": CONFIG,
        "labels": [source.label for source in sources],
        "parts": [{part.key: part.data for part in found if part.data is not None} for found in parts],
        "charts": [_specs(found) for found in parts],
        "together": _specs(together),
    }
    drawn = any(part.charts for found in [*parts, together] for part in found)
    joint = f'<div class="joint">{"".join(each.render(-1, 2) for each in together)}</div>' if together else ""
    head = f"<h1>{text(title)}</h1>{_tabs(sources)}" if several else f'<h1 class="hidden">{text(title)}</h1>'
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(title)}: {text(', '.join(source.label for source in sources)[:80])}</title>",
            '<link rel="icon" href="data:,">',
            f"<style>{style_sheet()}{_asset('page.css')}</style></head>",
            f"<body><header>{head}</header><main>{articles}{joint}</main>",
            f"<footer><p>{text(foot)}</p></footer>",
            '<noscript><p class="missing">The charts need JavaScript; the tables do not.</p></noscript>',
            f'<script type="application/json" id="data">{script(data)}</script>',
            f"<script>{_inline(bundle()) if drawn else ''}</script>",
            f"<script>{_asset('page.js')}</script><script>{_asset('icicle.js')}</script></body></html>\n",
        ]
    )


def _about(sources: Sequence[Shown]) -> tuple[str, str]:
    """The title of the page, and its last line."""
    if any(isinstance(each, Source) for each in sources):
        return TITLE, FOOT
    if any(isinstance(each, Sides) for each in sources):
        return VERSUS_TITLE, VERSUS_FOOT
    if any(isinstance(each, Swept) for each in sources):
        return SWEEP_TITLE, SWEEP_FOOT
    return HISTORY_TITLE, HISTORY_FOOT


def _parts(source: Shown) -> list[Part]:
    if isinstance(source, Sides):
        return versus_parts(source)
    if isinstance(source, Releases):
        return history_parts(source)
    if isinstance(source, Swept):
        return sweep_parts(source)
    return [part for section in SECTIONS if (part := section(source))]


def _specs(parts: Sequence[Part]) -> dict[str, object]:
    return {name: spec for part in parts for name, spec in part.charts}


def _article(number: int, source: Shown, parts: Sequence[Part], several: bool) -> str:
    heading = f'<h2 class="hidden">{text(source.label)}</h2>' if several else ""
    inside = "".join(part.render(number, 3 if several else 2) for part in parts)
    return f'<article id="source-{number}" aria-label="{text(source.label)}">{heading}{inside}</article>'


def _tabs(sources: Sequence[Shown]) -> str:
    links = "".join(
        f'<a href="#show={number}" data-show="{number}">{text(source.label)}</a>'
        for number, source in enumerate(sources)
    )
    return f'<nav aria-label="Records">{links}</nav>'


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _inline(code: str) -> str:
    """A script that may stand inside <script>: what would end it is written another way."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
