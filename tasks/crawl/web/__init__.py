"""Crawl pages over HTTP: the frontier of URLs, politeness, retries, and the journal that survives a kill."""
