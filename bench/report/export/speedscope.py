"""For https://www.speedscope.app: call trees with a profile per layer, weighted by bytecodes per request.

Its file format has frames that all profiles share, and per profile samples of frame indices, each with a weight.
"""

import json
from collections.abc import Mapping, Sequence

from bench.data.errors import BadInput
from bench.data.record import Anatomy, Frame
from bench.stats.trees import collapsed

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
    return json.dumps(
        {
            "$schema": SCHEMA,
            "shared": {"frames": [{"name": name} for name in index]},
            "profiles": found,
            "exporter": "asgi-anatomy",
        }
    )
