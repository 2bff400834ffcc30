"""The vocabulary: trained here, or taken from an existing tokenizer."""
