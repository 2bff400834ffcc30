"""Baselines: simple language models that a pretrained one is compared with."""
