"""Fine-tuning on labelled examples: the shards of an evaluation, the training loop, and its variants."""
