"""Masking and noising of packed rows, in numpy: what a batch's inputs and targets are made of."""
