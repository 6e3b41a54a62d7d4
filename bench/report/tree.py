"""Rows that stand on one another -> their order, each after what it stands on, and the lines that draw the tree."""

from collections.abc import Sequence

HARD = "\u00a0"
"""A space that Markdown keeps."""


def branches(names: Sequence[str], grounds: Sequence[str | None]) -> list[tuple[int, str]]:
    """The place of each row, in the order of the tree, and what is drawn before its name.

    A row is a root where it stands on nothing, or on nothing that is here.
    """
    above: dict[str | None, list[int]] = {}
    for place, ground in enumerate(grounds):
        above.setdefault(ground, []).append(place)
    roots = [place for place, ground in enumerate(grounds) if ground not in names]
    drawn: dict[int, str] = {}
    for root in [*roots, *range(len(names))]:  # all of them: rows that stand on each other in a circle are not lost
        waiting = [(root, "", "")]
        while waiting:
            place, before, under = waiting.pop()
            if place in drawn:
                continue
            drawn[place] = before
            for number, each in enumerate(reversed(above.get(names[place], []))):
                waiting.append((each, f"{under}{'├' if number else '└'} ", f"{under}{'│' if number else ' '} "))
    return [*drawn.items()]


def unbroken(lines: str) -> str:
    """The lines for Markdown, which drops ordinary spaces: there, indentation stands for the upright lines."""
    depth, sign = len(lines) // 2, lines[-2:-1]
    return f"{HARD * 4 * (depth - 1)}{sign}{HARD}" if depth else ""
