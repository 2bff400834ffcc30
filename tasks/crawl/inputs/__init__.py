"""Readers for existing pages: files, tables, archives and datasets, on this machine or behind a URL."""
