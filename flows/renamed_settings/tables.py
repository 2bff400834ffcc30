"""Settings that had another name in an earlier version: a recipe that uses the old one is told the new one.

Paths are those of the old names. `*` stands for one name, `[]` for the items of a list. The new name takes the place of
the last part of the path, or, when it has dots, of the whole path. `textmill upgrade` renames the settings that are
recorded in a store by the same tables.
"""

from collections.abc import Mapping
from typing import Any

from flows.renamed_settings.pretrain_tables import PRETRAIN

__all__ = ["CLEAN", "CRAWL", "DEDUP", "EVALUATE", "PRETRAIN", "RENAMED_VALUES", "TOKENIZE"]

CRAWL: Mapping[str, str] = {
    "crawl.shards.pages": "max_pages",
    "crawl.shards.megabytes": "max_megabytes",
    "crawl.source.*.text_is": "content",
    "crawl.source.*.skip_broken": "on_error",
    "crawl.source.web.throttle": "autothrottle_target",
    "crawl.source.web.per_host": "max_concurrency_per_host",
    "crawl.source.web.at_once": "max_concurrency",
    "crawl.source.web.retries": "max_retries",
    "crawl.source.web.longest_wait": "max_retry_after",
    "crawl.source.web.each_host": "per_host_limits",
    "crawl.source.web.each_host.pages": "max_pages",
    "crawl.source.web.each_host.megabytes": "max_total_megabytes",
    "crawl.source.web.each_host.minutes": "max_minutes",
    "crawl.source.web.sitemaps.of_robots": "from_robots",
    "crawl.source.web.traps.url_length": "max_url_length",
    "crawl.source.web.traps.repeats": "max_path_repeats",
    "crawl.source.web.traps.earliest_year": "min_year",
    "crawl.source.web.traps.years_ahead": "max_years_ahead",
    "crawl.source.web.traps.redirects": "max_redirects",
    "crawl.source.web.traps.refresh_seconds": "max_refresh_seconds",
    "crawl.source.web.traps.links": "max_links",
}

CLEAN: Mapping[str, str] = {
    "clean.extract.image_texts": "alt_texts",
    "clean.extract.post_meta": "byline",
    "clean.extract.most_bytes": "max_bytes",
    "clean.extract.most_tags": "max_tags",
    "clean.extract.deepest": "max_depth",
    "clean.extract.most_seconds": "timeout_seconds",
    "clean.extract.recurring": "recurring_lines",
    "clean.extract.recurring.fewest_pages": "min_pages",
    "clean.extract.recurring.share": "min_fraction",
    "clean.filters.*.fewest": "min",
    "clean.filters.*.most": "max",
    "clean.filters.language.certainty": "min_confidence",
    "clean.filters.quality.good": "positive_examples",
    "clean.filters.quality.bad": "negative_examples",
}

DEDUP: Mapping[str, str] = {
    "dedup.shingle": "ngram_size",
    "dedup.near": "near_duplicates",
    "dedup.parts": "repeated_passages",
    "dedup.part_words": "min_passage_words",
    "dedup.decontaminate.window": "ngram_size",
    "dedup.decontaminate.around": "context_chars",
    "dedup.decontaminate.fewest_characters": "min_fragment_chars",
    "dedup.decontaminate.most_pieces": "max_fragments",
    "dedup.decontaminate.most_documents": "max_documents",
}

TOKENIZE: Mapping[str, str] = {
    "tokenize.vocabulary": "vocab_size",
    "tokenize.smoothing": "language_alpha",
    "tokenize.validation": "validation_fraction",
    "tokenize.heldout": "heldout_fraction",
}

EVALUATE: Mapping[str, str] = {
    # benchmarks
    "evaluate.benchmarks.*.sets[].labels": "labels_per_class",
    "evaluate.benchmarks.*.sets[].validation_share": "validation_fraction",
    "evaluate.benchmarks.*.sets[].most_train": "max_train_examples",
    "evaluate.benchmarks.*.sets[].most_validation": "max_validation_examples",
    "evaluate.benchmarks.*.sets[].most_test": "max_test_examples",
    "evaluate.benchmarks.*.sets[].skip_unfit": "on_error",
    "evaluate.benchmarks.document_retrieval.sets[].question": "question_column",
    "evaluate.benchmarks.document_retrieval.sets[].document": "document_column",
    "evaluate.benchmarks.document_retrieval.most_questions": "max_questions",
    "evaluate.benchmarks.document_retrieval.most_documents": "max_documents",
    "evaluate.benchmarks.embedding_similarity.most_pairs": "max_pairs",
    "evaluate.benchmarks.language_modelling.sets[].column": "text_column",
    "evaluate.benchmarks.language_modelling.most_texts": "max_texts",
    "evaluate.benchmarks.language_modelling.most_characters": "max_chars",
    "evaluate.benchmarks.minimal_pairs.sets[].good": "good_column",
    "evaluate.benchmarks.minimal_pairs.sets[].bad": "bad_column",
    "evaluate.benchmarks.minimal_pairs.sets[].most_of_file": "max_pairs_per_file",
    "evaluate.benchmarks.multiple_choice.sets[].question": "question_column",
    "evaluate.benchmarks.multiple_choice.sets[].options": "options_column",
    "evaluate.benchmarks.multiple_choice.sets[].answer": "answer_column",
    "evaluate.benchmarks.multiple_choice.sets[].first": "first_index",
    "evaluate.benchmarks.multiple_choice.sets[].between": "separator",
    "evaluate.benchmarks.multiple_choice.most_questions": "max_questions",
    "evaluate.benchmarks.relation.sets[].columns.first": "first_span",
    "evaluate.benchmarks.relation.sets[].columns.second": "second_span",
    "evaluate.benchmarks.site_section.pattern": "url_pattern",
    "evaluate.benchmarks.site_section.most_classes": "max_classes",
    "evaluate.benchmarks.site_section.fewest_documents": "min_documents_per_class",
    "evaluate.benchmarks.site_section.fewest_passages": "min_passages_per_class",
    "evaluate.benchmarks.site_section.passages_per_document": "max_passages_per_document",
    "evaluate.benchmarks.site_section.fewest_words": "min_words",
    "evaluate.benchmarks.site_section.validation_share": "validation_fraction",
    "evaluate.benchmarks.site_section.test_share": "test_fraction",
    "evaluate.benchmarks.site_section.most_validation": "max_validation_examples",
    "evaluate.benchmarks.site_section.most_test": "max_test_examples",
    "evaluate.benchmarks.stereotype_pairs.sets[].columns.kind": "bias_type",
    "evaluate.benchmarks.toxicity.sets[].words": "word_list",
    "evaluate.benchmarks.toxicity.sets[].column": "prompt_column",
    "evaluate.benchmarks.toxicity.most_prompts": "max_prompts",
    "evaluate.benchmarks.toxicity.continuations": "num_continuations",
    "evaluate.benchmarks.toxicity.length": "max_new_tokens",
    # a suite stands in a key as the settings of its tasks
    "evaluate.benchmarks.suite.sets[].sets[].labels": "labels_per_class",
    "evaluate.benchmarks.suite.sets[].sets[].validation_share": "validation_fraction",
    "evaluate.benchmarks.suite.sets[].sets[].most_train": "max_train_examples",
    "evaluate.benchmarks.suite.sets[].sets[].most_validation": "max_validation_examples",
    "evaluate.benchmarks.suite.sets[].sets[].most_test": "max_test_examples",
    "evaluate.benchmarks.suite.sets[].sets[].skip_unfit": "on_error",
    "evaluate.benchmarks.suite.sets[].sets[].columns.first": "first_span",
    "evaluate.benchmarks.suite.sets[].sets[].columns.second": "second_span",
    "evaluate.benchmarks.suite.sets[].sets[].good": "good_column",
    "evaluate.benchmarks.suite.sets[].sets[].bad": "bad_column",
    "evaluate.benchmarks.suite.sets[].sets[].most_of_file": "max_pairs_per_file",
    "evaluate.benchmarks.suite.sets[].sets[].question": "question_column",
    "evaluate.benchmarks.suite.sets[].sets[].options": "options_column",
    "evaluate.benchmarks.suite.sets[].sets[].answer": "answer_column",
    "evaluate.benchmarks.suite.sets[].sets[].first": "first_index",
    "evaluate.benchmarks.suite.sets[].sets[].between": "separator",
    "evaluate.benchmarks.suite.sets[].most_questions": "max_questions",
    # fine-tuning
    "evaluate.recipe": "finetuning",
    "evaluate.recipe.adapt": "method",
    "evaluate.recipe.adapt.adapter.width": "bottleneck_size",
    "evaluate.recipe.adapt.adapter.after": "sublayers",
    "evaluate.recipe.adapt.last_layers.layers": "num_layers",
    "evaluate.recipe.adapt.prefix.tokens": "num_virtual_tokens",
    "evaluate.recipe.adapt.prompt.tokens": "num_virtual_tokens",
    "evaluate.recipe.unlabelled.way": "method",
    "evaluate.recipe.unlabelled.most": "max_texts",
    "evaluate.recipe.unlabelled.confidence": "min_confidence",
    "evaluate.recipe.unlabelled.weight": "loss_weight",
    "evaluate.recipe.unlabelled.word_drop": "token_dropout",
    "evaluate.recipe.augmentation.way": "method",
    "evaluate.recipe.augmentation.copies": "max_copies",
    "evaluate.recipe.augmentation.share": "word_fraction",
    "evaluate.recipe.augmentation.synonyms": "synonyms_file",
    "evaluate.recipe.augmentation.there": "forward_model",
    "evaluate.recipe.augmentation.back": "backward_model",
    "evaluate.recipe.augmentation.beams": "num_beams",
    "evaluate.recipe.continued": "continued_pretraining",
    "evaluate.recipe.continued.most": "max_texts",
    "evaluate.recipe.continued.batch": "batch_size",
    "evaluate.recipe.continued.rate": "mask_rate",
    "evaluate.recipe.fewest_steps": "min_steps",
    "evaluate.recipe.batch": "batch_size",
    "evaluate.recipe.max_target": "max_target_length",
    "evaluate.recipe.beams": "num_beams",
    "evaluate.recipe.pairs": "pair_encoding",
    "evaluate.recipe.warmup": "warmup_fraction",
    "evaluate.recipe.clip": "max_grad_norm",
    "evaluate.recipe.evaluations": "num_evaluations",
    "evaluate.recipe.by_length": "group_by_length",
    # the evaluation
    "evaluate.labels": "labels_per_class",
    "evaluate.choice_seeds": "tuning_seeds",
}

RENAMED_VALUES: Mapping[str, Mapping[Any, Any]] = {
    # old path → {old value: new value}
    # crawl
    "crawl.source.*.skip_broken": {False: "fail", True: "skip"},
    # clean
    # dedup
    # tokenize
    # pretrain
    "pretrain.divergence.spike": {"count": "log"},
    # evaluate
    # benchmarks
    "evaluate.benchmarks.*.sets[].format": {"by suffix": "auto"},
    "evaluate.benchmarks.*.sets[].skip_unfit": {False: "fail", True: "skip"},
    "evaluate.benchmarks.suite.sets[].sets[].skip_unfit": {False: "fail", True: "skip"},
    # fine-tuning
    "evaluate.recipe.pairs": {"apart": "separate", "together": "joint"},
    "evaluate.recipe.adapt.adapter.after": {"both sublayers": "both"},
}
