"""One file a claim of the README, each measured against a named peer in the same run: `python -m benchmarks.NAME`."""
