"""Pretraining: every self-supervised objective in one loop, resumed to the bit."""
