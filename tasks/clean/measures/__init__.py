"""Counts for the filters, from compiled loops over a document's characters."""
