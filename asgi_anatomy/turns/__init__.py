"""The instrument: turns on one core, and what figures and verdicts come of them."""

import os

# numpy reads this once, as it is imported: with a thread for each core, our small matrices take ten times as long.
# Servers must not inherit it.
_before = os.environ.get("OPENBLAS_NUM_THREADS")
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402, F401

if _before is None:
    del os.environ["OPENBLAS_NUM_THREADS"]
else:
    os.environ["OPENBLAS_NUM_THREADS"] = _before
