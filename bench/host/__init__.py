"""The machine that this runs on: servers, cores, counters, conformance, environments, versions. Imports data."""
