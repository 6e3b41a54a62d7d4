"""One release of a package in one layer -> its counts: resolved, installed, served and counted, as a job of its own.

A job says all that it needs, so that any worker with a clone of the same revision can do it. What is wrong with the
release is a result; what is wrong with the worker, or the network, is raised.
"""

import fcntl
import hashlib
import os
import platform
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.counts.figures import total
from asgi_anatomy.counts.jobs import Job, Part, Result, count
from asgi_anatomy.counts.trees import add_up
from asgi_anatomy.documents.store import write_whole
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.history.record import Found, Host, Wanted
from asgi_anatomy.machine.machine import read_machine
from asgi_anatomy.machine.versions import read_revision, require_revision
from asgi_anatomy.packages.environments import build
from asgi_anatomy.packages.resolution import Pin, Resolution, Resolver
from asgi_anatomy.packages.sides import install, served_by
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import PYTHON, ROOT, Layer
from asgi_anatomy.turns.record import Counts, Frame, now

PARTS: tuple[Part, ...] = ("calls and bytecodes", "instructions")
ANCHORS = ROOT / ".venvs" / "anchors"
SECONDS = 45.0
"""About how long a job takes on a core of its own."""


class ReleaseJob(msgspec.Struct, frozen=True):
    """What to count: `anchor` is the layer that is counted once on each host."""

    wanted: Wanted
    layer: Layer
    anchor: Layer
    contract: Contract
    revision: str | None = None
    """That a worker's clone must have; None: it works in the caller's own."""


def count_release(job: ReleaseJob) -> Found:
    """Do a job; what fails is tried again once. Raises Fault if it fails again."""
    require_revision(job.revision)
    begin = time.monotonic()
    try:
        found = _count(job)
    except BadInput:
        raise
    except Fault:
        found = _count(job)
    found.seconds = round(time.monotonic() - begin, 1)
    return found


def _count(job: ReleaseJob) -> Found:
    found = Found(
        wanted=job.wanted,
        made=now(),
        host=read_host(job),
        revision=read_revision(),
        counts=Counts(layer=job.layer.name),
    )
    try:
        resolution = _resolve(job)
    except BadInput as error:
        found.gap = error.message
        return found
    except Fault as fault:
        raise Fault(f"{job.wanted.name}: {fault.message}") from None
    found.versions = _versions(resolution, job.layer)
    try:
        side = install("a", ("",), resolution, job.layer.group, lambda _: None)
    except Fault as fault:
        raise Fault(f"{job.wanted.name}: {fault.message.removeprefix('side a: ')}") from None
    served, found.left_out = served_by(job.layer, side)
    for part in PARTS:
        result = _part(Job(served, job.contract, part))
        counts = result.counts
        if result.failed:
            found.gap = _in_short(result.failed.replace(served.name, job.layer.name))
            found.counts = Counts(layer=job.layer.name)
            return found
        if counts.tree:
            found.counts.calls, found.counts.bytecodes, found.counts.tree = (
                counts.calls,
                counts.bytecodes,
                flat(counts.tree),
            )
        found.counts.instructions = counts.instructions or found.counts.instructions
    return found


def _in_short(why: str) -> str:
    """Of what a server printed before it ended, the last line: the others name places on this machine."""
    what, _, printed = why.partition("; its last lines:")
    return ": ".join([what, *(line.strip() for line in printed.strip().splitlines()[-1:])])


def _part(job: Job) -> Result:
    """One part; what did not answer is counted again: it may have been the machine's doing.

    Raises Fault.
    """
    for _ in range(2):
        result = count(job)
        if result.lacks:
            raise Fault(f"{socket.gethostname()} has no {result.lacks}: type `make tools` there")
        if not result.failed:
            break
    return result


def _resolve(job: ReleaseJob) -> Resolution:
    """What the release gets beside it; raises BadInput for a release that cannot be installed, or Fault."""
    wanted, layer = job.wanted, job.layer
    if failed := build([layer], lambda _: None):
        raise Fault(failed[layer.name])
    resolver = Resolver([wanted.package, *layer.versions], layer.python, layer.group)
    pins = [Pin(wanted.package, wanted.version)]
    if wanted.deps == "newest":
        return resolver.newest(pins)
    if wanted.deps == "dated":
        return resolver.dated(pins, datetime.fromisoformat(wanted.when))
    return resolver.one(pins)


def _versions(resolution: Resolution, layer: Layer) -> dict[str, str]:
    """Of what the layer serves with, and of what differs from the lock."""
    names = {*map(canonicalize_name, layer.versions), *resolution.packages, *resolution.others}
    return {name: version for name, version in resolution.versions.items() if name in names}


def flat(tree: Frame) -> Frame:
    """The same work with a frame for each function, wherever it is called from: enough to say what changed."""
    frames: dict[str, Frame] = {}
    for each in add_up(tree):
        frame = frames.setdefault(each.name, Frame(each.package, each.function, 0.0, 0.0))
        frame.calls += each.calls
        frame.bytecodes += each.bytecodes
    return Frame("", "", 0.0, 0.0, sorted(frames.values(), key=lambda frame: (-frame.bytecodes, frame.name)))


def read_host(job: ReleaseJob) -> Host:
    """The host, with its anchor: counted when a host is first used, once for all workers on it. Raises Fault."""
    machine = read_machine()
    libc = " ".join(platform.libc_ver())
    build = f"{platform.python_version()} {' '.join(platform.python_build())} {platform.python_compiler()}"
    about = (socket.gethostname(), machine.cpu, machine.system, build, libc)
    depends = [*about, os.fspath(PYTHON), job.wanted.lock, job.wanted.contract, str(job.wanted.counted)]
    path = ANCHORS / hashlib.sha256("\n".join(depends).encode()).hexdigest()[:16]
    with _alone(path.with_suffix(".lock")):
        if not path.exists():
            instructions = total(_part(Job(job.anchor, job.contract, "instructions")).counts)
            if not instructions:
                raise Fault(f"{about[0]}: the layer {job.anchor.name}, this host's anchor, cannot be counted here")
            write_whole(repr(instructions).encode(), path)
        return Host(*about, float(path.read_text()))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
