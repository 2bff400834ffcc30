"""Tuning: search for better settings by many trials."""
