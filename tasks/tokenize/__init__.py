"""Tokenization: a vocabulary trained on the corpus, and Arrow shards of token ids."""
