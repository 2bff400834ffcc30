"""Modules that an objective trains beside the model."""
