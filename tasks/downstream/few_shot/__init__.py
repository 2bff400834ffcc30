"""Answers of a causal model that reads labelled examples in its prompt, and is not fine-tuned on them."""
