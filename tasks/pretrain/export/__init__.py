"""From the last checkpoint to a folder that other libraries open."""
