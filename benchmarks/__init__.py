"""One file a claim of the README, each measured against a named peer in the same run: `python -m benchmarks.NAME`."""

import os

# as in the workers of every stage: threads that wait for each other would count as work
os.environ.setdefault("POLARS_MAX_THREADS", "1")
