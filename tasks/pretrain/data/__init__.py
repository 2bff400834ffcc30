"""Rows of tokens from memory-mapped Arrow shards."""
