"""Settings that had other names in earlier versions: the tables, and the translation by them."""
