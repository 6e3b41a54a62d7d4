"""The present machine: server processes, cores, counters, conformance over a socket, environments. Imports data."""
