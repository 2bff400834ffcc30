"""Tasks as tables, and the check that their texts are not in the pretraining data."""
