"""The optimizer, and the moving average of the weights."""
