"""What it means for you: the framework's share of a request that does work of its own, and the cores that takes."""

from bench.report.document import Column, Table
from bench.report.page.html import table, text
from bench.report.page.part import Part
from bench.report.share import row
from bench.report.source import Source

STEPS_MS = (0, 0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100)
STEPS_RPS = (10, 20, 50, 100, 200, 500, 1000, 2000, 3000, 5000, 7000, 10_000, 20_000, 50_000, 100_000)
OWN_MS, RPS = 5.0, 2000.0
"""Where the sliders stand at first; the address keeps what they are moved to (assets/page.js)."""
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("share", "framework", "%", "{share:.1f}"),
    Column("request", "CPU per request", "ms", "{request:.2f}"),
    Column("per_core", "req/s per core", "", "{per_core:,.0f}"),
    Column("cores", "cores needed", "", "{cores:.2f}"),
)


def part(source: Source) -> Part | None:
    """Two sliders, and a row for each layer."""
    costs = {each.layer: round(each.cpu_us or 0, 4) for each in source.shown()}
    if not costs:
        return None
    rows = [row(layer, cpu_us, OWN_MS, RPS) for layer, cpu_us in costs.items()]
    body = (
        '<div class="sliders">'
        + _slider("own_ms", "CPU time of your own code per request", STEPS_MS.index(OWN_MS), len(STEPS_MS), "5 ms")
        + _slider("rps", "Requests per second", STEPS_RPS.index(RPS), len(STEPS_RPS), "2,000")
        + "</div>"
        + table(Table(COLUMNS, rows), "What it means for you")
        + '<p class="note">Only CPU time counts here: the 20 ms that a request waits for a database take none.'
        " Framework: the share of a request that the layer and everything below it take. Cores are fully used;"
        " leave room for peaks.</p>"
    )
    layers = [{"layer": layer, "cpu_us": cpu_us} for layer, cpu_us in costs.items()]
    data = {"layers": layers, "own_ms": STEPS_MS, "rps": STEPS_RPS, "at": [OWN_MS, RPS]}
    return Part("yours", "What it means for you", "", (), f'<p class="sentence" aria-live="polite"></p>{body}', data)


def _slider(key: str, label: str, at: int, steps: int, shown: str) -> str:
    return (
        f'<label><span>{text(label)}</span><output data-for="{key}">{text(shown)}</output>'
        f'<input type="range" name="{key}" min="0" max="{steps - 1}" step="1" value="{at}"></label>'
    )
