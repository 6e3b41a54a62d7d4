"""A layer's share of a request that does work of its own, and the cores that this takes."""


def row(layer: str, cpu_us: float, own_ms: float, rps: float) -> dict[str, object]:
    """A layer's share of a request with `own_ms` of its own work; assets/page.js computes the same."""
    whole = own_ms * 1000 + cpu_us
    return {
        "layer": layer, "share": 100 * cpu_us / whole, "request": whole / 1000, "per_core": 1e6 / whole,
        "cores": rps * whole / 1e6,
    }  # fmt: skip
