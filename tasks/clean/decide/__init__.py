"""Which documents are kept, and the samples and tables that say why."""
