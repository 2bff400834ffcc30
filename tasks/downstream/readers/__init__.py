"""Readers of labelled files, one file a format; errors name the file, the row and the column."""

SETTING = "evaluate.benchmarks"  # named in errors as the place where paths are set
