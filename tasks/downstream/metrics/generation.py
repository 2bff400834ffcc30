"""Written text against reference texts: BLEU and chrF by sacrebleu, and ROUGE."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tasks.downstream.metrics import Floats, Score, mean_of
from tasks.downstream.metrics.words import words

Words = Sequence[Hashable]


def generation_scores(
    references: Sequence[Sequence[str]], written: Sequence[str], tokenizer: str = "13a"
) -> dict[str, Score]:
    """Scores of N texts, each with one or more references, from 0 to 1.

    `tokenizer` is sacrebleu's for BLEU: 13a, zh, ja-mecab, char, … (Post, "A call for clarity in reporting BLEU
    scores", 2018).
    """
    return {
        "bleu": bleu(references, written, tokenizer),
        "chrf": chrf(references, written),
        **{name: best_of(measure, references, written) for name, measure in ROUGE.items()},
    }


def bleu(references: Sequence[Sequence[str]], written: Sequence[str], tokenizer: str) -> Score:
    """Of the corpus: counts of n-grams and lengths add up over the texts."""
    return Score(statistics(sacrebleu().BLEU(tokenize=tokenizer), references, written), bleu_of)


def chrf(references: Sequence[Sequence[str]], written: Sequence[str]) -> Score:
    """Of the corpus: counts of character n-grams add up (Popović, "chrF: character n-gram F-score", 2015)."""
    return Score(statistics(sacrebleu().CHRF(), references, written), chrf_of)


def sacrebleu() -> Any:
    """Its metrics; a quarter of a second to import, and who plans a run needs none of them."""
    from sacrebleu import metrics  # noqa: PLC0415

    return metrics


def statistics(metric: Any, references: Sequence[Sequence[str]], written: Sequence[str]) -> Floats:
    """What sacrebleu adds up over the texts: its own bootstrap takes the same."""
    columns = list(zip(*padded(references), strict=True))
    return np.array(metric._extract_corpus_statistics(written, columns), np.float64)  # noqa: SLF001


def bleu_of(sums: Floats) -> Floats:
    """BLEU of the sums; how texts were cut into words decides these, and not what is made of them."""
    return of_sums(sacrebleu().BLEU(), sums)


def chrf_of(sums: Floats) -> Floats:
    """The same for chrF."""
    return of_sums(sacrebleu().CHRF(), sums)


def of_sums(metric: Any, sums: Floats) -> Floats:
    """What sacrebleu makes of the sums."""

    def of(row: Floats) -> float:
        score: float = metric._compute_score_from_stats(row.round().astype(int).tolist()).score  # noqa: SLF001
        return score / 100

    return np.apply_along_axis(of, -1, sums)


def padded(references: Sequence[Sequence[str]]) -> list[list[str]]:
    """As many references for each text: the last one again, which changes no best."""
    most = max(map(len, references))
    return [[*each, *[each[-1]] * (most - len(each))] for each in references]


def best_of(
    measure: Callable[[Words, Words], float],
    references: Sequence[Sequence[str]],
    written: Sequence[str],
) -> Score:
    """The mean over texts, each against its best reference."""
    pairs = zip(references, written, strict=True)
    return mean_of(np.array([max(measure(words(one), words(text)) for one in each) for each, text in pairs]))


def rouge_1(reference: Words, written: Words) -> float:
    """F1 of the words (Lin, "ROUGE: a package for automatic evaluation of summaries", 2004; without stemming)."""
    return f1((Counter(reference) & Counter(written)).total(), len(reference), len(written))


def rouge_2(reference: Words, written: Words) -> float:
    """F1 of pairs of words that follow one another."""
    return rouge_1(list(pairwise(reference)), list(pairwise(written)))


def rouge_l(reference: Words, written: Words) -> float:
    """F1 of the longest common subsequence, of the whole text as one sentence."""
    return f1(longest_common(reference, written), len(reference), len(written))


ROUGE = {"rouge1": rouge_1, "rouge2": rouge_2, "rougeL": rouge_l}


def f1(common: int, one: int, other: int) -> float:
    """2·common over both lengths; 0 when nothing is common."""
    return 2 * common / (one + other) if common else 0.0


def longest_common(one: Words, other: Words) -> int:
    """Length of the longest common subsequence: a row of the table is the bits of one number.

    Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.
    """
    places: dict[Hashable, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(one)) - 1
    row = whole
    for word in other:
        hits = row & places.get(word, 0)
        row = (row + hits | row - hits) & whole
    return len(one) - row.bit_count()
