"""What a container may use of the CPU, and how often it was stopped for having used it up: cgroups, version 2 or 1."""

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def quota(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> float | None:
    """The CPU time that this process's group may use, in cores; None where nothing limits it."""
    found = []
    for folder in _folders(root, own):
        try:
            if (file := folder / "cpu.max").exists():
                most, period = file.read_text().split()
            else:
                most, period = ((folder / f"cpu.cfs_{each}_us").read_text() for each in ("quota", "period"))
            if most != "max" and int(most) > 0:
                found.append(int(most) / int(period))
        except (OSError, ValueError):
            continue
    return min(found, default=None)


def throttled(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> int:
    """How often a group of this process's was stopped until its next period, since the group began."""
    count = 0
    for folder in _folders(root, own):
        try:
            lines = (folder / "cpu.stat").read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if line.startswith("nr_throttled "))
    return count


def _folders(root: Path, own: Path) -> list[Path]:
    """The folders of this process's groups that may limit its CPU time, and of all groups that these are in."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return []
    found: dict[Path, None] = {}
    for _, controllers, path in lines:
        if controllers and "cpu" not in controllers.split(","):
            continue
        for top in (root / controllers, root / "cpu") if controllers else (root, root / "unified"):
            group = top / path.strip("/")
            for folder in (group, *group.parents):
                if not folder.is_relative_to(top):
                    break
                if (folder / "cpu.stat").exists():
                    found[folder] = None
    return [*found]
