"""Everything that filters count, as compiled loops over a document's characters."""
