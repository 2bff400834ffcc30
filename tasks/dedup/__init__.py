"""Deduplication: drop exact copies and near-duplicates, each compared with the document that is kept."""
