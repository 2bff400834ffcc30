"""Stay once: exact copies and near-duplicates go, each checked against the document that stays."""
