"""Generated text against reference texts: BLEU and chrF by sacrebleu, and ROUGE."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tasks.downstream.metrics import Floats, Score, mean_score
from tasks.downstream.metrics.words import split_words

Words = Sequence[Hashable]


def score_generations(
    references: Sequence[Sequence[str]], written: Sequence[str], tokenizer: str = "13a"
) -> dict[str, Score]:
    """Return the scores, from 0 to 1, of N generated texts with one or more references each.

    `tokenizer` is sacrebleu's for BLEU: 13a, zh, ja-mecab, char, … (Post, "A call for clarity in reporting BLEU
    scores", 2018).
    """
    return {
        "bleu": score_bleu(references, written, tokenizer),
        "chrf": score_chrf(references, written),
        **{name: score_best_reference(measure, references, written) for name, measure in ROUGE.items()},
    }


def score_bleu(references: Sequence[Sequence[str]], written: Sequence[str], tokenizer: str) -> Score:
    """Return BLEU of the corpus: counts of n-grams and lengths are added up over the texts."""
    return Score(extract_statistics(import_sacrebleu().BLEU(tokenize=tokenizer), references, written), bleu_of)


def score_chrf(references: Sequence[Sequence[str]], written: Sequence[str]) -> Score:
    """Return chrF of the corpus: counts of character n-grams are added up over the texts.

    Popović, "chrF: character n-gram F-score", 2015.
    """
    return Score(extract_statistics(import_sacrebleu().CHRF(), references, written), chrf_of)


def import_sacrebleu() -> Any:
    """Return sacrebleu's metrics; the import takes a quarter of a second, and planning a run does not need it."""
    from sacrebleu import metrics  # noqa: PLC0415

    return metrics


# sacrebleu has no public way to the counts that its own bootstrap resamples
def extract_statistics(metric: Any, references: Sequence[Sequence[str]], written: Sequence[str]) -> Floats:
    """Return the counts of each text that sacrebleu adds up over the corpus, (N, S)."""
    # sacrebleu takes one list a reference, not one a text
    columns = list(zip(*pad_references(references), strict=True))
    return np.array(metric._extract_corpus_statistics(written, columns), np.float64)  # noqa: SLF001


def bleu_of(sums: Floats) -> Floats:
    """Return BLEU from the sums of its counts; the tokenizer matters for the counts only."""
    return score_sums(import_sacrebleu().BLEU(), sums)


def chrf_of(sums: Floats) -> Floats:
    """Return chrF from the sums of its counts."""
    return score_sums(import_sacrebleu().CHRF(), sums)


def score_sums(metric: Any, sums: Floats) -> Floats:
    """Return sacrebleu's scores, from 0 to 1, of the sums in the last axis."""

    def score_row(row: Floats) -> float:
        # Counts in a resample are whole numbers but for the rounding of a floating-point product.
        score: float = metric._compute_score_from_stats(row.round().astype(int).tolist()).score  # noqa: SLF001
        return score / 100

    # sacrebleu scores one corpus at a time, so a bootstrap of thousands of draws is a loop here
    return np.apply_along_axis(score_row, -1, sums)


def pad_references(references: Sequence[Sequence[str]]) -> list[list[str]]:
    """Repeat each text's last reference until all texts have equally many: the best reference stays the same."""
    longest = max(map(len, references))
    return [[*texts, *[texts[-1]] * (longest - len(texts))] for texts in references]


def score_best_reference(
    measure: Callable[[Words, Words], float],
    references: Sequence[Sequence[str]],
    written: Sequence[str],
) -> Score:
    """Return the mean of a measure over the texts, each against its best reference."""
    pairs = zip(references, written, strict=True)
    values = [
        max(measure(split_words(reference), split_words(text)) for reference in references_of_text)
        for references_of_text, text in pairs
    ]
    return mean_score(np.array(values))


def rouge_1(reference: Words, written: Words) -> float:
    """Return the F1 of the words (Lin, "ROUGE: a package for automatic evaluation of summaries", 2004; not stemmed)."""
    return f1_from_counts((Counter(reference) & Counter(written)).total(), len(reference), len(written))


def rouge_2(reference: Words, written: Words) -> float:
    """Return the F1 of pairs of consecutive words."""
    return rouge_1(list(pairwise(reference)), list(pairwise(written)))


def rouge_l(reference: Words, written: Words) -> float:
    """Return the F1 of the longest common subsequence, with the complete text as one sentence."""
    return f1_from_counts(longest_common_subsequence(reference, written), len(reference), len(written))


ROUGE = {"rouge1": rouge_1, "rouge2": rouge_2, "rougeL": rouge_l}


def f1_from_counts(num_common: int, num_true: int, num_predicted: int) -> float:
    """Return 2·common over both lengths; 0 when nothing is common."""
    return 2 * num_common / (num_true + num_predicted) if num_common else 0.0


def longest_common_subsequence(first: Words, second: Words) -> int:
    """Return the length of the longest common subsequence.

    A row of the dynamic programme is the bits of one integer: Hyyrö, "Bit-parallel LCS-length computation revisited",
    2004.
    """
    positions: dict[Hashable, int] = {}  # word → an integer whose bits are the word's positions in `first`
    for position, word in enumerate(first):
        positions[word] = positions.get(word, 0) | 1 << position
    all_bits = (1 << len(first)) - 1
    row = all_bits
    for word in second:
        hits = row & positions.get(word, 0)
        # the carry of the addition moves along a run of ones; a zero bit is one more word in common
        row = (row + hits | row - hits) & all_bits
    return len(first) - row.bit_count()
