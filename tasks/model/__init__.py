"""Models for pretraining and evaluation: architectures, packed rows, vocabularies, checkpoints, the hardware."""
