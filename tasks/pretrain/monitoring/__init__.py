"""The metrics of a training run: measured, logged and drawn."""
