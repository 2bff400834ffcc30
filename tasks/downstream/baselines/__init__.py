"""Predictions without a language model: what a model has to beat."""
