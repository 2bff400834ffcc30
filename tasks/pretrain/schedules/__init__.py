"""Settings whose value depends on the training step, or on what happened up to it."""
