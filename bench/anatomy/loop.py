"""share.endpoint alone, without a socket: for each line `endpoint N` or `nothing N` that is read, so many calls."""

import sys
from itertools import repeat

from share import endpoint


def nothing(data: bytes) -> bytes:
    """What a call costs by itself, and the loop around it."""
    return data


body = sys.argv[1].encode()
for line in sys.stdin:
    what, count = line.split()
    function = endpoint if what == "endpoint" else nothing
    for _ in repeat(None, int(count)):
        function(body)
    print("done", flush=True)
