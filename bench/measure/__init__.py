"""Measuring with wrk: a window, a round, a run, a pair, a ladder, sensitivity. Imports data, stats, host."""
