"""Models fitted to labelled examples: the shards, the loop, and what it learns with."""
