"""Find and cut out the passages of evaluation sets."""
