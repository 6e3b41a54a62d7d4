"""`make readme`: the generated parts of README.md and docs/."""

from pathlib import Path

import click

from bench.commands.groups import run_in_group
from bench.data.catalogue import read_catalogue
from bench.data.contract import read_contract
from bench.data.errors import Fault
from bench.report.splice import pages, splice


@click.command("readme")
@click.option("--check", is_flag=True, help="Change nothing; fail if a page is out of date.")
@click.pass_obj
def command(catalogue_file: Path, /, check: bool) -> None:
    """Regenerate parts of README.md and docs/, their charts and docs/report.html from the reference records."""
    for path, parts in pages(read_catalogue(catalogue_file), read_contract()).items():
        old = path.read_text(encoding="utf-8")
        new = splice(old, parts, path.name)
        if check and new != old:
            raise Fault(f"{path.name} is out of date with its records and the contract: type `make readme`")
        if new != old:
            path.write_text(new, encoding="utf-8")
    if not check:
        for each in ("charts", "report"):
            run_in_group("report", each, "--reference")
