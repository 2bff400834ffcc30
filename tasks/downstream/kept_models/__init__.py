"""Fine-tuned models that are kept: written as folders which open without Textmill, and opened again."""
