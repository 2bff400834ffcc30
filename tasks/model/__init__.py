"""What pretraining and evaluation share: models from random weights, packed rows, checkpoints, the hardware."""
