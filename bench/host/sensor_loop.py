"""The sensor's own process: `python -I -S sensor_loop.py CORE MILLISECONDS`, on the standard library alone.

On one core, every few milliseconds, it times a short loop by its own CPU time. Its standard output is a file of
SIZE bytes that it maps: how many readings there are, and the last PLACES of them, in tenths of a microsecond. A write
to a file, or a poll, would cost more than the loop. It ends when its standard input does, so that it cannot outlive
who started it.
"""

import mmap
import os
import select
import struct
import sys
import time

COUNT = struct.Struct("<Q")
READING = struct.Struct("<I")
PLACES = 1 << 16
SIZE = COUNT.size + PLACES * READING.size
ADDITIONS = 1000
WARM = 100
"""Additions before those that are timed: the caches are full of the servers' data."""
LOOK = 32
"""How many readings pass between checks whether its standard input has ended."""


def spin(count: int) -> int:
    """Add `count` numbers."""
    total = 0
    for number in range(count):
        total += number
    return total


def watch(core: int, seconds: float) -> None:
    """Write readings until the standard input ends."""
    os.sched_setaffinity(0, {core})
    clock, sleep, ring = time.thread_time_ns, time.sleep, mmap.mmap(1, SIZE)
    number = 0
    while number % LOOK or not select.select([0], [], [], 0)[0]:
        sleep(seconds)
        spin(WARM)
        before = clock()
        spin(ADDITIONS)
        READING.pack_into(ring, COUNT.size + number % PLACES * READING.size, (clock() - before) // 100)
        number += 1
        COUNT.pack_into(ring, 0, number)


if __name__ == "__main__":
    watch(int(sys.argv[1]), float(sys.argv[2]) / 1000)
