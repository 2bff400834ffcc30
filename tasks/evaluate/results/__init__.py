"""Scores of models on benchmarks, kept so that later evaluations can be compared with them."""
