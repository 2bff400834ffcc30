"""Scores of models on a benchmark, kept so that they can be compared later."""
