"""Opened checkpoints: encoders, generators and language models."""
