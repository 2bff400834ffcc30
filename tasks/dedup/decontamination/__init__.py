"""Documents that hold passages of evaluation sets."""
