"""Pages over HTTP: what is fetched, when, and what is kept of it."""
