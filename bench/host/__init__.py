"""The machine at hand: processes, cores, counters, conformance, environments, versions, signals. Imports data."""
