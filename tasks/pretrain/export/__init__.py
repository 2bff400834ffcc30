"""The artifact of a run: a transformers folder, its model card, ONNX files."""
