"""The jobs of `make history` on a cluster: each result is kept as it comes, and progress says what is left."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from bench.anatomy.release import SECONDS, ReleaseJob, count_release, require_revision
from bench.commands.output import say
from bench.commands.progress import Display
from bench.data.errors import Fault
from bench.data.history import Found, keep
from bench.host.signals import held


def count_all(
    jobs: Sequence[ReleaseJob], uploaded: Mapping[str, datetime | None], scheduler: str, folder: Path, kept: str
) -> Fault | None:
    """Do jobs on a cluster, each result kept as it comes; returns what failed.

    `uploaded` has the time of each release; `kept` is the line on the counts that exist already.
    """
    from bench.host.cluster import cluster, each_done, reason

    failed: list[str] = []
    revision = jobs[0].revision
    with cluster(scheduler, lambda: require_revision(revision)) as workers:
        whole = SECONDS * len(jobs) / workers.width
        say(f"{kept}, {len(jobs)} to make, {workers.width} at a time: about {minutes(whole)}")
        display = Display(whole)
        begin = time.monotonic()
        with contextlib.closing(display):
            for done, (job, result) in enumerate(each_done(count_release, jobs, workers.executor), 1):
                if isinstance(result, Found):
                    result.uploaded = uploaded[job.wanted.version]
                    with held():
                        keep(result, folder)
                    said = "a gap" if result.gap else "counted"
                else:
                    failed.append(f"{job.wanted.name}: {reason(result)}")
                    said = "failed"
                spent = time.monotonic() - begin
                left = spent * (len(jobs) - done) / done
                display.seconds = spent + left
                display.tell(f"{job.wanted.name}: {said}, {len(jobs) - done} left, about {minutes(left)}", spent)
    for line in failed:
        say(f"failed: {line}")
    return Fault(f"{len(failed)} of {len(jobs)} jobs failed: the same command tries them again") if failed else None


def minutes(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
