"""One script, one table of measured numbers: `python -m benchmarks.analysis`. Ratios against a named peer in the same run."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read once, when torch is imported
