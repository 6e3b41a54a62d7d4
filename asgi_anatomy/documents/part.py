"""A part of the page: a heading, a sentence, charts and HTML. Whatever comes from a record is escaped here."""

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from asgi_anatomy.documents.document import Column, Table, Values
from asgi_anatomy.documents.draw import Missing, Picture, Spec, inline
from asgi_anatomy.documents.words import plain, plain_in


def text(value: object) -> str:
    """Escaped, for the content of an element or an attribute in quotes."""
    return html.escape(plain(str(value)))


def script(value: object) -> str:
    """JSON for a <script>: nothing in it can end the element, nor begin another."""
    raw = json.dumps(plain_in(value), ensure_ascii=False, separators=(",", ":"))
    for each in "<>&":
        raw = raw.replace(each, f"\\u{ord(each):04x}")
    return raw


def paragraphs(lines: Iterable[str], style: str) -> str:
    """A paragraph each."""
    return "".join(f'<p class="{style}">{text(line)}</p>' for line in lines)


def definitions(pairs: Sequence[tuple[str, str]]) -> str:
    """Terms and what they are; what is empty is left out."""
    return f"<dl>{''.join(f'<dt>{text(term)}</dt><dd>{text(what)}</dd>' for term, what in pairs if what)}</dl>"


def commands(lines: Iterable[str]) -> str:
    """What to type, a line each."""
    return f"<pre>{text(chr(10).join(lines))}</pre>"


def html_table(found: Table, caption: str) -> str:
    """A table that can be sorted, and copied as Markdown; assets/page.js does both."""
    columns = [each for each in found.columns if each.keys and (each.name or each.show) and not each.wide]
    head = "".join(
        f'<th scope="col"{_side(each)}><button type="button">{text(each.heading)}</button></th>' for each in columns
    )
    rows = "".join(f"<tr>{''.join(_cell(each, row) for each in columns)}</tr>" for row in found.rows)
    return (
        f'<div class="table"><div class="tools"><button type="button" class="copy">Copy as Markdown</button></div>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
        f'<caption class="hidden">{text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _side(column: Column) -> str:
    return ' class="left"' if column.left else ""


def _cell(column: Column, row: Values) -> str:
    value = _number(row.get(column.keys.split()[0]))
    order = "" if value is None else f' data-value="{value:.6g}"'
    return f"<td{_side(column)}{order}>{text(column.cell(row))}</td>"


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def folded(title: str, inside: str) -> str:
    """Something that is shown when its title is clicked."""
    return f"<details><summary>{text(title)}</summary>{inside}</details>"


WIDE, NARROW = 896, 350
"""Pixels of a chart on a page: charts are drawn twice, and the style sheet shows the one that fits the screen."""


class Part(msgspec.Struct, frozen=True):
    """One section; `body` is HTML whose text is escaped already."""

    key: str
    title: str
    sentence: str = ""
    charts: tuple[tuple[str, Spec], ...] = ()
    body: str = ""
    data: Any = None
    """What its script needs, by the section's key."""
    hero: bool = False
    """The head of the page: no heading of its own."""

    def render(self, number: int, level: int) -> str:
        """Its HTML, in the source of this number, under headings of the level above."""
        head = "" if self.hero else f"<h{level}>{text(self.title)}</h{level}>"
        said = f'<p class="sentence">{text(self.sentence)}</p>' if self.sentence else ""
        plots = "".join(
            f'<div class="chart" data-chart="{text(name)}"><div class="wide">{inline(spec, WIDE, True)}</div>'
            f'<div class="narrow">{inline(spec, NARROW, False)}</div></div>'
            for name, spec in self.charts
        )
        style = "hero" if self.hero else self.key
        about = f'class="{text(style)}" data-source="{number}" data-part="{text(self.key)}"'
        return f"<section {about}>{head}{said}{plots}{self.body}</section>"


def of_pictures(key: str, title: str, *found: Picture | Missing) -> Part:
    """A section of one picture or several: each with how to read it, and its figures as a table."""
    there = [each for each in found if isinstance(each, Picture)]
    missing = [each.why for each in found if isinstance(each, Missing)]
    body = paragraphs([f"Not here: {why}." for why in missing], "missing")
    body += paragraphs([" ".join(line for each in there for line in each.more)], "note")
    for each in there:
        if each.table:
            body += folded(
                "The figures" if len(there) == 1 else f"The figures: {each.title}", html_table(each.table, each.title)
            )
    sentence = " ".join(each.sentence for each in there)
    return Part(key, title, sentence, tuple((each.name, each.spec) for each in there), body)
