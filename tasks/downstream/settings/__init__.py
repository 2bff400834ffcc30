"""The settings of fine-tuning."""
