"""The finetune stage: models that are fitted to tasks and kept."""
