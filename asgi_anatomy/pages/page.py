"""The page: one HTML file with its styles, its scripts, its charts and its figures inside. Needs the group `report`."""

from collections.abc import Sequence
from pathlib import Path

from asgi_anatomy.bench.page import part as matrix_part
from asgi_anatomy.compare.page import part as beside_part
from asgi_anatomy.documents.draw import style_sheet
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
    parts = [page_of(source.kind).parts(source) for source in sources]
    layers = [source for source in sources if isinstance(source, Source)]
    grids = matrices([*(source.record for source in layers), *more])
    labels = [source.label for source in sources]
    for part in (*map(matrix_part, grids), beside_part(layers)):
        if part:
            labels.append(part.title)
            parts.append([part])
    several = len(labels) > 1
    main = page_of(next(kind for kind in KINDS if any(source.kind == kind for source in sources)))
    title = f"asgi-anatomy: {main.TITLE}"
    articles = "".join(_article(number, label, parts[number], several) for number, label in enumerate(labels))
    calls = Calls()
    data = {
        "parts": [{part.key: calls.packed(part.data) for part in own if part.data is not None} for own in parts],
        "names": [*calls.names],
        "calls": [*calls.rows],
    }
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(title)}</title>",
            '<link rel="icon" href="data:,">',
            f"<style>{style_sheet()}{_asset('page.css')}</style></head>",
            f"<body><header><h1>{text(title)}</h1>{_tabs(labels) if several else ''}</header><main>{articles}</main>",
            f"<footer><p>{text(main.FOOT)}</p></footer>",
            f'<script type="application/json" id="data">{script(data)}</script>',
            f"<script>{_asset('page.js')}</script><script>{_asset('icicle.js')}</script></body></html>\n",
        ]
    )


def _article(number: int, label: str, parts: Sequence[Part], several: bool) -> str:
    heading = f'<h2 class="hidden">{text(label)}</h2>' if several else ""
    inside = "".join(part.render(number, 3 if several else 2) for part in parts)
    return f'<article id="source-{number}" aria-label="{text(label)}">{heading}{inside}</article>'


def _tabs(labels: Sequence[str]) -> str:
    links = "".join(
        f'<a href="#source-{number}" data-show="{number}">{text(label)}</a>' for number, label in enumerate(labels)
    )
    return f'<nav aria-label="Records">{links}</nav>'


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
