"""The machine at hand: processes and their end, cores, clocks, counters, interpreters."""
