"""Settings whose value depends on the training step."""
