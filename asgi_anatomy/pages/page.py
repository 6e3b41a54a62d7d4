"""The page: one HTML file with its styles, its scripts and its figures inside. Needs the group `report`."""

from collections.abc import Sequence
from pathlib import Path

from asgi_anatomy.bench.page import part as matrix_part
from asgi_anatomy.compare.page import part as beside_part
from asgi_anatomy.documents.draw import CONFIG, bundle, style_sheet
from asgi_anatomy.documents.part import Part, script, text
from asgi_anatomy.documents.source import Shown, Source, matrices
from asgi_anatomy.documents.trees import Calls
from asgi_anatomy.kinds import KINDS, page_of
from asgi_anatomy.turns.record import Bench

ASSETS = Path(__file__).parent / "assets"


def page(sources: Sequence[Shown], more: Sequence[Bench] = ()) -> str:
    """The whole file. The same records give the same bytes.

    Of `more` there are no parts, but they are in what is said of several workloads.
    """
    several = len(sources) > 1
    parts = [page_of(source.kind).parts(source) for source in sources]
    layers = [source for source in sources if isinstance(source, Source)]
    grids = matrices([*(source.record for source in layers), *more])
    together = [*map(matrix_part, grids), *filter(None, [beside_part(layers)])]
    main = page_of(next(kind for kind in KINDS if any(source.kind == kind for source in sources)))
    title = main.TITLE
    articles = "".join(_article(number, source, parts[number], several) for number, source in enumerate(sources))
    calls = Calls()
    data = {
        "config": CONFIG,
        "labels": [source.label for source in sources],
        "parts": [{part.key: calls.packed(part.data) for part in own if part.data is not None} for own in parts],
        "charts": [_specs(own) for own in parts],
        "together": _specs(together),
        "names": [*calls.names],
        "calls": [*calls.rows],
    }
    drawn = any(part.charts for own in [*parts, together] for part in own)
    joint = f'<div class="joint">{"".join(part.render(-1, 2) for part in together)}</div>' if together else ""
    head = f"<h1>{text(title)}</h1>{_tabs(sources)}" if several else f'<h1 class="hidden">{text(title)}</h1>'
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(title)}: {text(', '.join(source.label for source in sources)[:80])}</title>",
            '<link rel="icon" href="data:,">',
            f"<style>{style_sheet()}{_asset('page.css')}</style></head>",
            f"<body><header>{head}</header><main>{articles}{joint}</main>",
            f"<footer><p>{text(main.FOOT)}</p></footer>",
            '<noscript><p class="missing">The charts need JavaScript; the tables do not.</p></noscript>',
            f'<script type="application/json" id="data">{script(data)}</script>',
            f"<script>{_inline(bundle()) if drawn else ''}</script>",
            f"<script>{_asset('page.js')}</script><script>{_asset('icicle.js')}</script></body></html>\n",
        ]
    )


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
