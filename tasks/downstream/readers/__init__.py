"""Readers of labelled files, one file a format; what does not fit is named by file, row and column."""
