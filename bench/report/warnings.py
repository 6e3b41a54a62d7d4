"""record -> what about the machine or the interpreter may have moved its figures, a line each."""

from bench.data.record import Record

STEAL = 0.01  # share of the windows' time from which on steal is worth a line


def warnings(record: Record) -> list[str]:
    """What a reader of the table should know, or nothing."""
    lines = []
    machine, python = record.machine, record.python
    if python and not python.optimised:
        lines.append(
            "Python was built without --enable-optimizations: every layer but the C parts is slower than usual."
        )
    for name in ("debug", "free_threaded", "jit"):
        if python and getattr(python, name):
            what = {"debug": "a debug build", "free_threaded": "a free-threaded build", "jit": "running its JIT"}[name]
            lines.append(f"Python is {what}: do not compare with an ordinary one.")
    if not record.windows:
        return lines  # counts do not depend on how busy the machine is
    if machine and machine.governor not in (None, "performance"):
        lines.append(f"The CPU's governor is {machine.governor!r}: its clock changes with load.")
    if machine and machine.load[0] > machine.cores / 4:
        lines.append(f"The machine was not idle at the start: load {machine.load[0]:.1f} on {machine.cores} cores.")
    if machine and machine.heavy:
        lines.append(f"Other processes were at work at the start: {', '.join(machine.heavy)}.")
    if machine and machine.hooks:
        lines.append(f"The environment held {', '.join(machine.hooks)}, which can slow a server down: unset it.")
    if machine and record.cores is None:
        lines.append("The servers could not be pinned to a core apart from wrk: pairs need Linux and two cores.")
    spans = {(window.restart, window.take): window for window in record.windows if window.steal_ns is not None}
    duration = sum(window.duration_us for window in spans.values())
    stolen = sum(window.steal_ns or 0 for window in spans.values()) / 1e3
    if duration and stolen / duration > STEAL:
        lines.append(
            f"Other tenants of the machine took {100 * stolen / duration:.1f}% of the servers' core in the windows."
        )
    return lines
