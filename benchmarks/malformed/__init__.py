"""Malformed pages, answers, URLs, archives, tables and labels for `benchmarks/hostile.py`, drawn by a seed."""
