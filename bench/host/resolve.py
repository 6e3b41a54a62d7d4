"""Two sides of the same packages -> which others each gets: those of the lock, or the newest that both allow."""

import datetime
from collections.abc import Mapping, Sequence

from packaging.utils import canonicalize_name

from bench.data.errors import BadInput, Fault
from bench.data.layers import PYTHON, ROOT
from bench.data.resolution import Pin, Resolution, changed, locked, read_lock
from bench.host import uv
from bench.host.programs import SETUP_TIMEOUT, run, scratch
from bench.host.versions import read_packages

HOW = ("pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--only-binary", ":all:")


class Resolver:
    """Resolves sides on top of one environment, whose packages they keep wherever they can.

    `needs` are the packages that the layers serve with. `python` is that of the environment, `group` its group.
    """

    def __init__(self, needs: Sequence[str], python: str = str(PYTHON), group: str = "") -> None:
        self.python = python
        self.held: dict[str, str] = {canonicalize_name(name): it for name, it in read_packages(python, ["*"]).items()}
        self.needs = [name for name in map(canonicalize_name, needs) if name in self.held]
        self.locked = read_lock((ROOT / (f"groups/{group}.lock" if group else "requirements.lock")).read_text())

    def one(self, wanted: Sequence[Pin], like: Mapping[str, Pin] | None = None, within: str = "") -> Resolution:
        """What a side of these packages gets: of others the versions that it is `like`, or those of the lock, wherever
        that is possible; always those `within` a lock. Raises BadInput or Fault.
        """
        names = [pin.name for pin in wanted]
        asked = [*(pin.requirement for pin in wanted), *(name for name in self.needs if name not in names)]
        found = self._resolve(asked, {**self.locked, **(like or {})}, within)
        others = {it.name: it for it in found.values() if it.name not in names and self.held.get(it.name) != it.version}
        return Resolution({name: found[name] for name in names}, others, self.held)

    def newest(self, wanted: Sequence[Pin], *options: str) -> Resolution:
        """What a side gets with the newest of all that its packages depend on; what they do not is held."""
        names = [pin.name for pin in wanted]
        found = self._resolve([pin.requirement for pin in wanted], {}, "", *options)
        return self.one(wanted, within=locked(pin for pin in found.values() if pin.name not in names))

    def dated(self, wanted: Sequence[Pin], day: datetime.datetime) -> Resolution:
        """The same with the newest as of a time; raises BadInput also where the index does not tell of that."""
        always = [word for pin in wanted for word in ("--exclude-newer-package", f"{pin.name}=false")]
        return self.newest(wanted, "--exclude-newer", day.isoformat(), *always)

    def both(self, a: Sequence[Pin], b: Sequence[Pin]) -> tuple[Resolution, Resolution]:
        """Both sides, with the same other packages if there are versions that both allow."""
        first, second = self.one(a), self.one(b)
        if not differ(first, second):
            return first, second
        taken = self.one(b, first.others)
        if not differ(given := self.one(a, taken.others), taken):
            return given, taken
        taken = self.one(a, second.others)
        if not differ(taken, given := self.one(b, taken.others)):
            return taken, given
        return first, second

    def _resolve(self, asked: Sequence[str], like: Mapping[str, Pin], within: str, *options: str) -> dict[str, Pin]:
        with scratch() as folder:
            lock, bounds, wanted = folder / "lock", folder / "bounds.txt", folder / "wanted.in"
            for path, text in ((lock, locked(like.values())), (bounds, within), (wanted, "\n".join(asked))):
                path.write_text(text)
            where = ["--python", self.python, "--constraints", str(bounds), "--output-file", str(lock), str(wanted)]
            code, said = run_uv(*HOW, *options, *where)
            if not code:
                return read_lock(lock.read_text())
        what = uv.why(said).removeprefix("No solution found when resolving dependencies: ")
        if "missing an upload date" in said:
            raise BadInput("DEPS=dated: the package index does not tell when releases were uploaded: try DEPS=newest")
        if "No solution found" in said:
            raise BadInput(f"no versions fit: {what}")
        raise Fault(what)


def differ(a: Resolution, b: Resolution) -> bool:
    """Whether a package that both sides have differs; one that only one side needs does not count."""
    return any(one and other for one, other in changed(a, b).values())


def run_uv(*arguments: str) -> tuple[int, str]:
    """Run uv with what pip is configured with; returns its exit code and its output. Raises Fault."""
    try:
        command, environment = uv.command(*arguments), uv.variables()
    except uv.SetupError as error:
        raise Fault(str(error)) from None
    code, said = run(command, SETUP_TIMEOUT, environment=environment)
    if code is None:
        raise Fault(f"uv {arguments[0]} did not end within {SETUP_TIMEOUT:g} s")
    return code, said
