"""Pages that are there already: files, tables, archives, data sets, here or behind a URL."""
