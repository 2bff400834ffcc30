"""Opened checkpoints: encoders, text generators and language models."""
