"""The local machine: processes, cores, counters, conformance, environments, versions, signals. Imports data."""
