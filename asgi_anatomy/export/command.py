"""`make export`: records as a file that another tool reads."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import msgspec

from asgi_anatomy.documents.store import latest, read_all, read_record, whole
from asgi_anatomy.documents.trees import speedscope
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput
from asgi_anatomy.export.formats import bencher, github_action_benchmark, pyperf
from asgi_anatomy.options import PATH, Command, records_option
from asgi_anatomy.turns.record import Anatomy, Bench, Kind, Pair


class Format(msgspec.Struct, frozen=True):
    """How to write a format, and from which kinds of record; by default from the newest of the first kind."""

    write: Callable[..., str]
    """A sequence of records -> text; raises BadInput."""
    kinds: tuple[type[Kind], ...]


FORMATS = {
    "pyperf": Format(pyperf, (Bench, Pair)),
    "github-action-benchmark": Format(github_action_benchmark, (Bench, Pair, Anatomy)),
    "bencher": Format(bencher, (Bench, Pair, Anatomy)),
    "speedscope": Format(speedscope, (Anatomy,)),
}


@click.command("export", cls=Command)
@click.option("--format", "form", type=click.Choice([*FORMATS]), required=True, help="The format.")
@records_option
@click.option("--out", type=PATH, help="The file to write; by default standard output.")
def command(form: str, paths: str, out: Path | None) -> None:
    """Write records as one file in another tool's format."""
    found = FORMATS[form]
    text = found.write(_records(paths, form))
    if out is None:
        return show(text)
    try:
        place = out.resolve()
        if place.exists() and not place.is_file():
            raise BadInput(f"OUT={out} is not a regular file: name one, or omit OUT= for standard output")
        with whole(text.encode() + b"\n", place.parent) as temporary:
            temporary.replace(place)
    except OSError as error:
        raise BadInput(f"cannot write OUT={out}: {error.strerror}") from None
    say(f"written: {out}")


def _records(paths: str, form: str) -> list[Kind]:
    """The records that RECORD= names, those of other kinds in a folder left out; raises BadInput."""
    kinds = FORMATS[form].kinds
    if not paths.strip():
        return [read_record(latest(_name(kinds[0]), tell=say), Kind)]
    found: list[Kind] = []
    for file, record in read_all(paths, say).items():
        if isinstance(record, kinds):
            found.append(record)
        elif str(file) in (paths, *paths.split()):
            raise BadInput(f"{file} is a record of `make {record.kind}`: FORMAT={form} needs one of {_wanted(kinds)}")
    if not found:
        raise BadInput(f"no record of {_wanted(kinds)} in {paths}, as FORMAT={form} needs")
    return found


def _name(kind: type[Kind]) -> str:
    return str(kind.__struct_config__.tag)


def _wanted(kinds: Sequence[type[Kind]]) -> str:
    return " or ".join(f"`make {_name(kind)}`" for kind in kinds)
