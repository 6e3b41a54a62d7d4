"""The machine that this runs on: server processes, cores, counters, conformance over a socket, environments. Imports data."""
