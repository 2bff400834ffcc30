"""Tasks as tables, and whether their texts are in the pretraining data."""
