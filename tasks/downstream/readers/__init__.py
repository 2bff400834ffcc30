"""Readers of labelled files, one file a format; errors name the file, the row and the column."""
