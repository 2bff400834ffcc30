"""Metrics of a training run: computed, logged and drawn."""
