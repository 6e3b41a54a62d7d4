"""What a layer is of a request that does work of its own, and the cores that takes."""


def row(layer: str, cpu_us: float, own_ms: float, rps: float) -> dict[str, object]:
    """What a layer is of a request with so much work of its own, as assets/page.js computes it too."""
    whole = own_ms * 1000 + cpu_us
    return {
        "layer": layer, "share": 100 * cpu_us / whole, "request": whole / 1000, "per_core": 1e6 / whole,
        "cores": rps * whole / 1e6,
    }  # fmt: skip
