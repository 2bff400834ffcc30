"""Masking and noising of token rows, in numpy."""
