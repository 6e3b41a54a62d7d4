"""Every kind of record, in the order in which a page that has several is called after one.

What is named here, below asgi_anatomy, is imported when it is first used: so the store and the page know every kind,
and import no feature.
"""

import functools
import operator
from importlib import import_module
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """How a kind is read, shown and drawn."""

    shown_by: str
    """The command that prints it from its record."""
    record: str = ""
    """Its type; empty: it is not a record of the store, but has a format of its own."""
    page: str = ""
    """The module of its page: TITLE, FOOT, `parts`, `pictures` if it has charts; empty: it is on no page."""


OF_LAYERS = "pages.sections"
KINDS = {
    "bench": Entry("table", "turns.record:Bench", OF_LAYERS),
    "pair": Entry("table", "turns.record:Pair", OF_LAYERS),
    "anatomy": Entry("anatomy", "turns.record:Anatomy", OF_LAYERS),
    "sensitivity": Entry("sensitivity", "turns.record:Sensitivity"),
    "versus": Entry("versus", "versus.record:Versus", "versus.page"),
    "sweep": Entry("sweep", "sweep.record:Sweep", "sweep.page"),
    "history": Entry("history", page="history.page"),
}


@functools.cache
def record_type() -> Any:
    """The union of all records, as msgspec takes it."""
    places = (entry.record.split(":") for entry in KINDS.values() if entry.record)
    return functools.reduce(
        operator.or_, (getattr(import_module(f"asgi_anatomy.{module}"), name) for module, name in places)
    )


def page_of(kind: str) -> Any:
    """The module of a kind's page."""
    return import_module(f"asgi_anatomy.{KINDS[kind].page}")
