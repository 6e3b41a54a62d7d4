"""Call trees as files: collapsed stacks, and speedscope's JSON."""

import re
from pathlib import Path

from bench.data.record import Anatomy
from bench.report.export.speedscope import profiles
from bench.stats.trees import collapsed

UNFIT = re.compile(r"[^\w.-]")  # for the name of a file


def collapsed_text(stacks: dict[str, float]) -> str:
    """Collapsed stacks as a file, one per line."""
    return "".join(f"{stack} {_number(count)}\n" for stack, count in stacks.items())


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
            path.write_text(text)
            written.append(path)
    return written
