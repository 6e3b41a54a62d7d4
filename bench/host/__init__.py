"""The machine: processes, cores, counters, conformance over a socket, environments, signals. Imports data."""
