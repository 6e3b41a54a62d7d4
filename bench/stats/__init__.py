"""Values in, values out: estimates, decays, verdicts, comparisons, counts, call trees. Imports data."""
