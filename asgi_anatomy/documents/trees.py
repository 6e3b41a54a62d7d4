"""Call trees as files: collapsed stacks, and the JSON of https://www.speedscope.app, weighted by bytecodes per request;
and as the page stores them.

Speedscope's format has frames that all profiles share, and per profile samples of frame numbers, each with a weight.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asgi_anatomy.counts.trees import collapsed
from asgi_anatomy.documents.store import write_whole
from asgi_anatomy.documents.words import UNFIT, as_json, cell
from asgi_anatomy.errors import BadInput
from asgi_anatomy.turns.record import Anatomy, Frame

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope(records: Sequence[Anatomy]) -> str:
    """All layers that have a call tree; raises BadInput where there is none, or two of one layer."""
    trees: dict[str, Frame] = {}
    for record in records:
        for found in record.anatomy:
            if found.tree and found.layer in trees:
                raise BadInput(f"the call tree of {found.layer} is in two of these records: name one with RECORD=")
            if found.tree:
                trees[found.layer] = found.tree
    if not trees:
        raise BadInput("no layer has a call tree here: try the record of another `make anatomy`")
    return profiles(trees)


def profiles(trees: Mapping[str, Frame]) -> str:
    """The file of these layers' trees."""
    index: dict[str, int] = {}
    found = []
    for layer, tree in trees.items():
        stacks = collapsed(tree)
        found.append(
            {
                "type": "sampled",
                "name": f"{layer}: bytecodes per request",
                "unit": "none",
                "startValue": 0,
                "endValue": sum(stacks.values()),
                "samples": [[index.setdefault(name, len(index)) for name in stack.split(";")] for stack in stacks],
                "weights": [*stacks.values()],
            }
        )
    return as_json(
        {
            "$schema": SCHEMA,
            "shared": {"frames": [{"name": name} for name in index]},
            "profiles": found,
            "exporter": "asgi-anatomy",
        },
        indent=None,
    )


def collapsed_text(stacks: dict[str, float]) -> str:
    """Collapsed stacks as a file, one per line."""
    return "".join(f"{cell(stack)} {_number(count)}\n" for stack, count in stacks.items())


def _number(count: float) -> str:
    return f"{count:.6f}".rstrip("0").rstrip(".")


def write_trees(record: Anatomy, folder: Path) -> list[Path]:
    """The call tree of each layer as speedscope JSON and as collapsed stacks; returns the files. Raises OSError."""
    trees = {found.layer: found.tree for found in record.anatomy if found.tree}
    written = []
    for name, tree in trees.items():
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in (
            ("speedscope.json", profiles({name: tree})),
            ("collapsed.txt", collapsed_text(collapsed(tree))),
        ):
            path = folder / f"{UNFIT.sub('_', name)}.{suffix}"
            write_whole(text.encode(), path)
            written.append(path)
    return written


class Calls:
    """The call trees of a page, in which calls that are alike, with all that they call, are stored once.

    `rows` are the number of a function's name, calls and bytecodes per request, and the numbers of the rows below.
    """

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.rows: dict[tuple[float, ...], int] = {}

    def packed(self, data: Any) -> Any:
        """A part's data, with the number of a row for each tree."""
        if isinstance(data, Frame):
            return self._row(data)
        return {key: self.packed(value) for key, value in data.items()} if isinstance(data, dict) else data

    def _row(self, frame: Frame) -> int:
        below = [self._row(child) for child in frame.children]
        name = self.names.setdefault(frame.name, len(self.names))
        row = (name, _brief(frame.calls, 3), _brief(frame.bytecodes, 2), *below)
        return self.rows.setdefault(row, len(self.rows))


def _brief(value: float, digits: int) -> float:
    """Rounded, and without a point where that is whole."""
    value = round(value, digits)
    return int(value) if value.is_integer() else value
