"""The releases of a package: what was learnt, and for each series a step line, its table, its steps and its gaps."""

import shlex

import msgspec

from bench.report.charts.history import pictures
from bench.report.charts.picture import Missing, Picture
from bench.report.history import lines
from bench.report.history_sentences import learnt, sentence
from bench.report.page.html import commands, definitions, paragraphs, text
from bench.report.page.part import Part, of_pictures
from bench.report.source import Releases
from bench.stats.history import Series, chief

TITLE = "What each release cost"
FOOT = "Made by asgi-anatomy. How releases are counted: the project's docs/HISTORY.md."


def parts(found: Releases) -> list[Part]:
    """All parts of the page, in order."""
    every = found.series
    about = chief(every)
    head = f'<p class="eyebrow">{text(found.label)}</p><p class="headline">{text(sentence(about))}</p>'
    said = [learnt(about)] if learnt(about) else []
    again = [command(every), f"make report RECORD={found.path}   # this page again"]
    return [
        Part("answer", "The answer", body=head + paragraphs(said, "lead"), hero=True),
        *(_series(series, made) for series, made in zip(every, pictures(every), strict=True)),
        Part("made", "How it was made, and how to make it again", body=definitions(_facts(every)) + commands(again)),
    ]


def _series(series: Series, made: Picture | Missing) -> Part:
    part = of_pictures("history", made.title, made)
    notes = paragraphs([each for each in lines(series) if each], "note")
    return msgspec.structs.replace(part, sentence=sentence(series), body=part.body + notes)


def _facts(every: list[Series]) -> list[tuple[str, str]]:
    found = [point.found for series in every for point in series.points]
    hosts = {each.host for each in found}
    made = sorted(each.made for each in found)
    return [
        ("Counted", " to ".join(dict.fromkeys(f"{each:%Y-%m-%d}" for each in (made[0], made[-1])))),
        ("Machine", "; ".join(sorted({f"{each.name}: {each.cpu}, {each.system}, {each.libc}" for each in hosts}))),
        ("Python", "; ".join(sorted({each.build for each in hosts}))),
        ("Suite", ", ".join(sorted({each.revision for each in found if each.revision}))),
    ]


def command(every: list[Series]) -> str:
    """What counts these releases, or those of them that are not counted yet."""
    first = every[0]
    versions = [point.found.wanted.version for point in first.points]
    asked = {
        "PACKAGE": first.package, "SINCE": versions[0], "UNTIL": versions[-1], "DEPS": first.deps,
        "LAYERS": " ".join(dict.fromkeys(each.layer for each in every)),
        "PYTHONS": " ".join(dict.fromkeys(each.python for each in every)),
    }  # fmt: skip
    return " ".join(["make history", *(f"{name}={shlex.quote(value)}" for name, value in asked.items())])
