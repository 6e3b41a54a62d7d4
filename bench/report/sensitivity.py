"""How often injected slow-downs of known size were found."""

from collections.abc import Sequence
from itertools import takewhile
from statistics import median

from bench.data.record import Sensitivity, Verdict
from bench.report.document import Column, Document, Table, Values
from bench.report.origin import origin

COLUMNS = (
    Column("injected", "injected", "%", "{injected:.2f}"),
    Column("runs", "runs", wide=True),
    *(Column(key, key) for key in ("slower", "faster", "same", "unclear")),
    Column(
        "called called_low called_high",
        "changes called",
        "",
        "{called} of {runs} ({called_low:.0f} - {called_high:.0f}%)",
    ),
    Column("decay", "decay seen", "%", "{decay:.2f}"),
    Column("decay_low decay_high", "from - to", "", "{decay_low:.2f} - {decay_high:.2f}", wide=True),
    Column("seconds", "seconds", "", "{seconds:.0f}"),
)
VERDICTS: tuple[Verdict, ...] = ("slower", "faster", "same", "unclear")


def clopper_pearson(count: int, runs: int) -> tuple[float, float]:
    """The 95% interval of a proportion, 0 to 1, seen as `count` of `runs` (Biometrika 26, 1934)."""
    from scipy import special  # as in stats/estimate.py

    low = float(special.betaincinv(count, runs - count + 1, 0.025)) if count else 0.0
    high = float(special.betaincinv(count + 1, runs - count, 0.975)) if count < runs else 1.0
    return low, high


def rows(record: Sensitivity) -> list[Values]:
    """A row for each injected size; `called_low` and `called_high` are the 95% interval of `called` in percent."""
    found: list[Values] = []
    for size in sorted({trial.injected for trial in record.trials}):
        same = [trial for trial in record.trials if trial.injected == size]
        counts: dict[str, int] = {verdict: sum(trial.verdict == verdict for trial in same) for verdict in VERDICTS}
        called = counts["slower"] + counts["faster"]
        low, high = clopper_pearson(called, len(same))
        decays = sorted(trial.decay for trial in same)
        found.append(
            {
                "injected": size,
                "runs": len(same),
                **counts,
                "called": called,
                "called_low": 100 * low,
                "called_high": 100 * high,
                "decay": median(decays),
                "decay_low": decays[0],
                "decay_high": decays[-1],
                "seconds": median(trial.seconds for trial in same),
            }
        )
    return found


def sensitivity_document(record: Sensitivity, wide: bool = False) -> Document:
    """A sentence, the table of what was found, and how often the interval was right."""
    found = rows(record)
    table = Table(COLUMNS, found)
    inside = sum(trial.decay_low <= trial.injected <= trial.decay_high for trial in record.trials)
    said: list[str | Table] = [
        sentence(found),
        "",
        table,
        "",
        "injected: extra work in the upper layer of a pair, expressed as a decay; both layers are `uvicorn`. Budget"
        f" {record.budget:.0f} s, threshold {record.threshold:g}%, A/A noise floor {record.floor:g}%.",
        f"The 95% interval contained the injected decay in {inside} of {len(record.trials)} runs.",
        *origin(record, wide),
    ]
    return Document(said, table)


def sentence(found: Sequence[Values]) -> str:
    """From which size on every slow-down was found, how often the next smaller one, and how often there was none."""
    sizes = [row for row in found if row["injected"] > 0]
    whole = [*takewhile(lambda row: row["slower"] == row["runs"], reversed(sizes))]
    said = []
    if whole:
        runs = sum(row["runs"] for row in whole)
        said.append(f"every slow-down of {whole[-1]['injected']:.2f}% or more ({runs} of {runs} runs)")
    if missed := sizes[: len(sizes) - len(whole)]:
        low, high = clopper_pearson(missed[-1]["slower"], missed[-1]["runs"])
        many = f"{missed[-1]['slower']} of {missed[-1]['runs']}"
        said.append(f"{many} of {missed[-1]['injected']:.2f}% ({100 * low:.0f} to {100 * high:.0f}%)")
    text = [f"A pair found {', and '.join(said)}"] if said else []
    if none := [row for row in found if not row["injected"]]:
        often = (
            f"{none[0]['called']} of {none[0]['runs']} ({none[0]['called_low']:.0f} to {none[0]['called_high']:.0f}%)"
        )
        text.append(f"where nothing was injected, a change was called in {often}")
    return f"{'; '.join(text) or 'Nothing was tried yet'}."
