"""Call trees as files: collapsed stacks, and speedscope's JSON."""

import json
import re
from pathlib import Path

from bench.data.record import Anatomy, Frame

UNFIT = re.compile(r"[^\w.-]")  # for the name of a file


def collapsed(tree: Frame, above: tuple[str, ...] = ()) -> dict[str, float]:
    """Bytecodes per request by stack, functions joined by semicolons: the format of flamegraph.pl and speedscope."""
    found: dict[str, float] = {}
    for child in tree.children:
        stack = (*above, child.name.replace(";", ","))
        if child.bytecodes:
            key = ";".join(stack)
            found[key] = found.get(key, 0) + child.bytecodes
        for key, count in collapsed(child, stack).items():
            found[key] = found.get(key, 0) + count
    return found


def collapsed_text(stacks: dict[str, float]) -> str:
    """Collapsed stacks as a file, one per line."""
    return "".join(f"{stack} {_number(count)}\n" for stack, count in stacks.items())


def speedscope(layer: str, tree: Frame) -> str:
    """A layer's tree as a file for https://www.speedscope.app, weighted by bytecodes.

    The format is in its file-format-spec: shared frames, and samples of frame indices with a weight.
    """
    index: dict[str, int] = {}
    stacks = collapsed(tree)
    samples = [[index.setdefault(name, len(index)) for name in stack.split(";")] for stack in stacks]
    profile = {
        "type": "sampled",
        "name": f"{layer}: bytecodes of one request",
        "unit": "none",
        "startValue": 0,
        "endValue": sum(stacks.values()),
        "samples": samples,
        "weights": list(stacks.values()),
    }
    return json.dumps(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "shared": {"frames": [{"name": name} for name in index]},
            "profiles": [profile],
        }
    )


def _number(count: float) -> str:
    return f"{count:.6f}".rstrip("0").rstrip(".")


def write_trees(record: Anatomy, folder: Path) -> list[Path]:
    """The call tree of each layer as speedscope JSON and as collapsed stacks; returns the files. Raises OSError."""
    trees = {found.layer: found.tree for found in record.anatomy if found.tree}
    written = []
    for name, tree in trees.items():
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in (
            ("speedscope.json", speedscope(name, tree)),
            ("collapsed.txt", collapsed_text(collapsed(tree))),
        ):
            path = folder / f"{UNFIT.sub('_', name)}.{suffix}"
            path.write_text(text)
            written.append(path)
    return written
