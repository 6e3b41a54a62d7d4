"""Two sides of the same packages -> which others each gets: those of the lock, or the newest that both allow."""

import datetime
from collections.abc import Sequence

from bench.data.layers import PYTHON, ROOT
from bench.data.resolution import Pin, Resolution, bounds, changed, locked, pins
from bench.data.sides import canonical
from bench.host.pip import Conflict, resolve
from bench.host.releases import before
from bench.host.versions import read_packages

AFRESH = ("--ignore-installed",)


class Resolver:
    """Resolves sides on top of one environment, whose packages they keep wherever they can.

    `needs` are the packages that the layers serve with. `python` is that of the environment, `group` its group.
    """

    def __init__(self, needs: Sequence[str], python: str = str(PYTHON), group: str = "") -> None:
        self.python = python
        self.group = group
        self.held = {canonical(name): version for name, version in read_packages(python, ["*"]).items()}
        self.needs = [name for name in map(canonical, needs) if name in self.held]
        self.locked = locked((ROOT / (f"groups/{group}.lock" if group else "requirements.lock")).read_text())

    def one(self, wanted: Sequence[Pin], within: Sequence[str] = (), options: Sequence[str] = ()) -> Resolution:
        """What a side of these packages gets, within these constraints; raises BadInput, Conflict or Fault."""
        names = [pin.name for pin in wanted]
        asked = [*(pin.requirement for pin in wanted), *(name for name in self.needs if name not in names)]
        found = {pin.name: pin for pin in resolve(self.python, asked, within, options)}
        packages = {pin.name: self._with_hashes(pin, found.get(pin.name)) for pin in wanted}
        return Resolution(packages, {name: pin for name, pin in found.items() if name not in names}, self.held)

    def newest(self, wanted: Sequence[Pin], within: Sequence[str] = ()) -> Resolution:
        """What a side gets with the newest of all that its packages depend on; what they do not is held."""
        return self.one(wanted, [*within, *pins(self._afresh(wanted, within))])

    def dated(self, wanted: Sequence[Pin], day: datetime.datetime) -> Resolution:
        """The same with the newest as of a time; raises BadInput also where the index does not tell of that."""
        within: dict[str, str] = {}
        while missing := [name for name in self._afresh(wanted, [*within.values()]) if name not in within]:
            within |= {name: before(name, day, self.python) for name in missing}
        return self.newest(wanted, [*within.values()])

    def _afresh(self, wanted: Sequence[Pin], within: Sequence[str]) -> dict[str, Pin]:
        """What packages depend on, whatever is installed."""
        names = {pin.name for pin in wanted}
        found = resolve(self.python, [pin.requirement for pin in wanted], within, AFRESH)
        return {pin.name: pin for pin in found if pin.name not in names}

    def both(self, a: Sequence[Pin], b: Sequence[Pin]) -> tuple[Resolution, Resolution]:
        """Both sides, with the same other packages if there are versions that both allow."""
        first, second = self.one(a), self.one(b)
        if not self.differ(first, second):
            return first, second
        within = [*bounds(first), *bounds(second)]
        try:
            agreed = self.one(a, within), self.one(b, within)
            if not self.differ(*agreed):
                return agreed
        except Conflict:
            within = []
        for one, other, swap in ((a, b, False), (b, a, True)):
            try:  # the others of others: what one side was given, the other must take, and the other way round
                given = self.one(one, within)
                taken = self.one(other, [*within, *pins(given.others)])
                agreed = self.one(one, [*within, *pins(taken.others)]), taken
            except Conflict:
                continue
            if not self.differ(*agreed):
                return agreed[::-1] if swap else agreed
        return first, second

    def differ(self, a: Resolution, b: Resolution) -> bool:
        """Whether a package that both sides have differs; one that only one side needs does not count."""
        return any(one and other for one, other in changed(a, b).values())

    def _with_hashes(self, asked: Pin, found: Pin | None) -> Pin:
        """A package as asked for, with what pip found out; pip tells nothing of what is installed already."""
        if not found and not asked.url:
            return self.locked.get(asked.name, asked)
        if not found or asked.url:
            requires = found.requires if found else asked.requires
            return Pin(asked.name, found.version if found else asked.version, asked.hashes, asked.url, requires)
        return found
