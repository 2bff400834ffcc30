"""Packed rows of tokens from memory-mapped Arrow shards, and the randomness that depends on them."""
