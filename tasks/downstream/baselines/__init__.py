"""Answers that need no language model: what a model has to beat."""
