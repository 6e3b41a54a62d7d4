"""One picture: a title, a sentence made from its figures, the chart, and the figures as a table."""

from typing import Any

import msgspec

from bench.report.document import Table

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


class Missing(msgspec.Struct, frozen=True):
    """What a picture lacks, and how to make it, on one line."""

    name: str
    title: str
    why: str
