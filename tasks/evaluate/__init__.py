"""Fine-tune a checkpoint, compare it with random weights and with simple methods, and write the report."""
