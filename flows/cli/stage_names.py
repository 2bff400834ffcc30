"""The stages as the command line knows them, so that `textmill ls` need not load every stage."""

STAGE_NAMES = ("crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "finetune", "evaluate")
