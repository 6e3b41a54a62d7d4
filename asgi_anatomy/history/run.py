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
from datetime import datetime

import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.counts.figures import total
from asgi_anatomy.counts.jobs import Job, Result, Task, count, merge
from asgi_anatomy.counts.trees import frames
from asgi_anatomy.documents.store import write_whole
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.history.record import CountedRelease, Host, ReleaseSpec
from asgi_anatomy.machine.children import renew
from asgi_anatomy.machine.machine import read_machine
from asgi_anatomy.machine.versions import read_revision
from asgi_anatomy.packages.sides import Pin, Resolution, install, resolver_for, served_by
from asgi_anatomy.suite.contract import Contract, contract_of
from asgi_anatomy.suite.layers import PYTHON, ROOT, Layer
from asgi_anatomy.turns.record import Counts, Frame, now

TASKS: tuple[Task, ...] = ("calls and bytecodes", "instructions")
ANCHORS = ROOT / ".venvs" / "anchors"
SECONDS = 45.0
"""About how long a job takes on a core of its own."""


class ReleaseJob(msgspec.Struct, frozen=True):
    """What to count: `anchor` is the layer that is counted once on each host."""

    wanted: ReleaseSpec
    layer: Layer
    anchor: Layer
    contract: Contract


def count_release(job: ReleaseJob) -> CountedRelease:
    """Do a job; what fails is tried again once. Raises Fault if it fails again."""
    begin = time.monotonic()
    try:
        release = _count(job)
    except BadInput:
        raise
    except Fault:
        renew()  # it may be the guardian that was lost
        release = _count(job)
    release.seconds = round(time.monotonic() - begin, 1)
    return release


def _count(job: ReleaseJob) -> CountedRelease:
    release = CountedRelease(
        wanted=job.wanted,
        made=now(),
        host=read_host(job),
        revision=read_revision(),
        counts=Counts(layer=job.layer.name),
    )
    try:
        resolution = _resolve(job)
        # of what the layer serves with, and of what differs from the lock
        names = {*map(canonicalize_name, job.layer.versions), *resolution.packages, *resolution.others}
        release.versions = {name: version for name, version in resolution.versions.items() if name in names}
        side = install("a", ("",), resolution, job.layer.group, lambda _: None)
    except BadInput as error:
        release.gap = error.message
        return release
    except Fault as fault:
        raise Fault(f"{job.wanted.name}: {fault.message}") from None
    served, release.left_out = served_by(job.layer, side)
    served = msgspec.structs.replace(served, name=job.layer.name)
    counts = Counts(layer=job.layer.name)
    for task in TASKS:
        result = _do(Job(served, job.contract, task))
        if result.failed:
            release.gap = result.brief
            return release
        counts = merge(job.layer.name, [Result(counts=counts), result])
    tree = flat(counts.tree) if counts.tree else None
    release.counts = msgspec.structs.replace(counts, tree=tree, memory={}, notes=[])
    return release


def _do(job: Job) -> Result:
    """Count; what did not answer is counted again: it may have been the machine's doing. Raises Fault."""
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
    resolver = resolver_for([layer], [wanted.package], lambda _: None)
    pins = [Pin(wanted.package, wanted.version)]
    if wanted.deps == "newest":
        return resolver.newest(pins)
    if wanted.deps == "dated":
        return resolver.dated(pins, datetime.fromisoformat(wanted.when))
    return resolver.one(pins)


def flat(tree: Frame) -> Frame:
    """A tree with a single frame for each function, wherever it is called from: enough to say what changed."""
    functions: dict[str, Frame] = {}
    for frame in frames(tree):
        function = functions.setdefault(frame.name, Frame(frame.package, frame.function, 0.0, 0.0))
        function.calls += frame.calls
        function.bytecodes += frame.bytecodes
    return Frame("", "", 0.0, 0.0, sorted(functions.values(), key=lambda frame: (-frame.bytecodes, frame.name)))


def read_host(job: ReleaseJob) -> Host:
    """The host, with its anchor: counted when a host is first used, once for all workers on it. Raises Fault."""
    machine = read_machine()
    libc = " ".join(platform.libc_ver())
    build = f"{platform.python_version()} {' '.join(platform.python_build())} {platform.python_compiler()}"
    about = (socket.gethostname(), machine.cpu, machine.system, build, libc)
    depends = [*about, os.fspath(PYTHON), job.wanted.lock, job.wanted.contract, str(job.wanted.counted)]
    path = ANCHORS / hashlib.sha256("\n".join(depends).encode()).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            instructions = total(_do(Job(job.anchor, contract_of([job.anchor]), "instructions")).counts)
            if not instructions:
                raise Fault(f"{about[0]}: the layer {job.anchor.name}, this host's anchor, cannot be counted here")
            write_whole(repr(instructions).encode(), path)
    return Host(*about, float(path.read_text()))
