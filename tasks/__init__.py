"""The stages and what they stand on. No file here is run by path: `tokenize` would shadow the standard library's."""
