"""The fast encoder: BPE and Unigram over cached pre-tokens."""
