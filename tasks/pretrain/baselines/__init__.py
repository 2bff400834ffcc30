"""Language models that a pretrained one is compared with."""
