"""Crawl: pages from the web, from files or from web archives, as WARC files with a Parquet index."""
