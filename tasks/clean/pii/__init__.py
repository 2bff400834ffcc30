"""Personal data: finding it, and replacing it."""
