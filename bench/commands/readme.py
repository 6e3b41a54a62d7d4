"""`make readme`: the generated parts of README.md and docs/."""

from pathlib import Path

import click

from bench.data.catalogue import read_catalogue
from bench.data.contract import read_contract
from bench.data.errors import Fault
from bench.report.splice import pages, splice


@click.command("readme")
@click.option("--check", is_flag=True, help="Change nothing; fail if a page is not what would be written.")
@click.pass_obj
def command(catalogue_file: Path, /, check: bool) -> None:
    """Write the generated parts of README.md and docs/ anew, from the reference records and the contract."""
    for path, parts in pages(read_catalogue(catalogue_file), read_contract()).items():
        old = path.read_text(encoding="utf-8")
        new = splice(old, parts, path.name)
        if check and new != old:
            raise Fault(f"{path.name} differs from what its records and contract say: type `make readme`")
        if new != old:
            path.write_text(new, encoding="utf-8")
