"""The call tree of one request, as an icicle that can be zoomed and searched, and the difference of two layers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from asgi_anatomy.counts.trees import by_function, frames
from asgi_anatomy.documents.charts import largest
from asgi_anatomy.documents.document import Column, Table
from asgi_anatomy.documents.part import Part, folded, html_table, paragraphs, text
from asgi_anatomy.documents.source import Source
from asgi_anatomy.turns.record import Frame

KEY = "tree"
MOST = 40
TITLE = "Every Python call of one request"
COLUMNS = (
    Column("function", "function", left=True),
    Column("calls", "calls", "", "{calls:,.4g}"),
    Column("bytecodes", "bytecodes", "", "{bytecodes:,.0f}"),
)


def part(source: Source) -> Part | None:
    """A picture for each layer with a tree; assets/icicle.js draws it."""
    trees = {each.layer: each.tree for each in source.counted.anatomy if each.tree} if source.counted else {}
    if not source.counted or not trees:
        return Part(
            KEY,
            TITLE,
            body=paragraphs(["Not here: no call tree: `make anatomy` keeps one for Python servers."], "missing"),
        )
    layer = max(trees, key=lambda name: sum(each.bytecodes for each in frames(trees[name])))
    functions = by_function(trees[layer])
    calls = sum(count for count, _ in functions.values())
    most = max(functions, key=lambda name: functions[name][1])
    said = f"A {layer} request makes {calls:,.0f} calls of {len(functions)} functions;"
    said += f" most bytecodes are in {most.replace(':', ' ')}."
    rows = [
        {"function": name, "calls": count, "bytecodes": bytecodes}
        for name, (count, bytecodes) in sorted(functions.items(), key=lambda each: -each[1][1])[:MOST]
    ]
    body = icicle(trees, layer, {"": "nothing", **{name: name for name in trees}}, "", "another layer") + folded(
        f"The {len(rows)} functions of {layer} with the most bytecodes",
        html_table(Table(COLUMNS, rows), f"Functions of {layer}"),
    )
    wholes = {each.layer: each.bytecodes for each in source.counted.anatomy if each.bytecodes}
    return Part(KEY, TITLE, said, (), body, packed(wholes, layer, trees))


def icicle(layers: Iterable[str], layer: str, against: Mapping[str, str], chosen: str, other: str) -> str:
    """The place for the picture and what it can be told; `against` is values and words, `other` what they are."""
    return (
        f'<div class="tools"><label>Layer {_select("layer", {name: name for name in layers}, layer)}</label>'
        f"<label>against {_select('against', against, chosen)}</label>"
        '<label>Search <input type="search" name="search" size="14" autocomplete="off" spellcheck="false"></label>'
        '<button type="button" name="out" disabled>Zoom out</button></div>'
        '<div class="icicle"></div><p class="detail" aria-live="polite"></p>'
        '<p class="note">Width: bytecodes, of a function and all that it calls. Click, or Enter, zooms in; Escape'
        f" zooms out; arrow keys walk. Against {text(other)}: full colour and + is a call that is added, \u2212 one"
        " that is gone; pale, one that costs more or less than there.</p>"
    )


def _select(key: str, options: Mapping[str, str], chosen: str) -> str:
    """A choice among values, each shown in its words."""
    return (
        f'<select name="{key}">'
        + "".join(
            f'<option value="{text(value)}"{" selected" if value == chosen else ""}>{text(words)}</option>'
            for value, words in options.items()
        )
        + "</select>"
    )


def packed(
    wholes: Mapping[str, Mapping[str, float]],
    layer: str,
    trees: Mapping[str, Frame],
    before: Mapping[str, Frame] | None = None,
) -> dict[str, Any]:
    """What the script draws: `wholes` are the bytecodes of packages; `before` each layer's tree in side A, if any.

    `joined` has, by what a layer is compared with and by layer, both trees in one: see `join`.
    """
    names: dict[str, int] = {}
    data: dict[str, Any] = {
        "colours": {name: place + 1 for place, name in enumerate(largest(wholes))},
        "trees": {name: _packed(tree, names) for name, tree in trees.items()},
        "layer": layer,
    }
    if before:
        data["before"] = {name: _packed(tree, names) for name, tree in before.items()}
        data["joined"] = {"A": {name: join(before[name], tree) for name, tree in trees.items()}}
    else:
        order = [*trees]
        data["joined"] = {
            lower: {upper: join(trees[lower], trees[upper]) for upper in order[place + 1 :]}
            for place, lower in enumerate(order)
        }
    return {**data, "names": [*names]}


def _packed(frame: Frame, names: dict[str, int]) -> list[Any]:
    """A frame as a list: the number of its name, calls, bytecodes, and its children, if it has any."""
    place = names.setdefault(frame.name, len(names))
    packed: list[Any] = [place, round(frame.calls, 3), round(frame.bytecodes, 2)]
    if frame.children:
        packed.append([_packed(child, names) for child in frame.children])
    return packed


Sides = tuple[Frame | None, Frame | None]


def join(a: Frame, b: Frame) -> list[int]:
    """Two call trees in one: three numbers for each call, callers first.

    They are its place in `a`, its place in `b`, counted in that order (-1: it is not there), and how many calls it
    makes.
    Calls of the same function from the same place are one call. Where a call is in one tree only, the nearest call of
    the same function, below one that is in the other tree only, is taken for it: a layer that is wrapped in another
    stays the same layer.
    """
    places = [{id(frame): place for place, frame in enumerate((tree, *frames(tree)))} for tree in (a, b)]
    return [*_join((a, b), places, {})]


def _join(sides: Sides, places: list[dict[int, int]], twins: dict[int, Frame]) -> Iterator[int]:
    yield from (-1 if frame is None else places[side][id(frame)] for side, frame in enumerate(sides))
    pairs = _pairs(sides, twins)
    yield len(pairs)
    for pair in pairs:
        yield from _join(pair, places, twins)


def _pairs(sides: Sides, twins: dict[int, Frame]) -> list[Sides]:
    """What two frames call; `twins` has, by a frame's id, the call of the other tree that was taken for it."""
    keyed: dict[tuple[str, int], list[Frame | None]] = {}
    for side, frame in enumerate(sides):
        seen: Counter[str] = Counter()
        for child in frame.children if frame else ():
            keyed.setdefault((child.name, seen[child.name]), [None, None])[side] = child
            seen[child.name] += 1
    pairs = [*keyed.values()]
    for pair in pairs:
        for side in (0, 1):
            if (frame := pair[side]) and not pair[1 - side]:
                pair[1 - side] = twins.get(id(frame))
                break
    for side in (0, 1):
        for pair in [*pairs]:
            frame = pair[side]
            if frame and not pair[1 - side]:
                others = [other for each in pairs if (other := each[1 - side]) and not each[side]]
                if twin := _nearest(frame.name, others, twins):
                    twins[id(twin)] = frame
                    pairs = [each for each in pairs if each is not pair]
    return [(pair[0], pair[1]) for pair in pairs]


def _nearest(name: str, calls: list[Frame], twins: Mapping[int, Frame]) -> Frame | None:
    """The call of a function that is the fewest calls below these, and has no twin yet."""
    while calls:
        if frame := next((call for call in calls if call.name == name and id(call) not in twins), None):
            return frame
        calls = [child for call in calls for child in call.children]
    return None
