"""Modules that objectives train and save beside the model."""
