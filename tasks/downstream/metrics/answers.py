"""Answers cut out of a text: exact match and F1 over words, as SQuAD's script computes them."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from tasks.downstream.metrics import Score, mean_score
from tasks.downstream.metrics.words import CHARACTER_WORD

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> list[str]:
    """Return the words of an answer that are compared: lower case, without articles and ASCII punctuation.

    Rajpurkar et al., "SQuAD: 100,000+ questions for machine comprehension of text", 2016. In texts with Chinese or
    Japanese each character is a word, and the punctuation of those scripts is removed too.
    """
    text = text.lower().translate(PUNCTUATION)
    if CHARACTER_WORD.search(text):
        text = "".join(character for character in text if not unicodedata.category(character).startswith("P"))
    return CHARACTER_WORD.sub(r" \g<0> ", ARTICLES.sub(" ", text)).split()


def measure_exact_match(truth: str, predicted: str) -> float:
    """Return 1 where both answers have the same words in the same order, else 0."""
    return float(normalise_answer(truth) == normalise_answer(predicted))


def measure_word_f1(truth: str, predicted: str) -> float:
    """Return the F1 of two bags of words; 1 for two empty answers."""
    true_words, predicted_words = normalise_answer(truth), normalise_answer(predicted)
    if not true_words or not predicted_words:
        return float(true_words == predicted_words)
    # & takes the smaller count of each word.
    common = (Counter(true_words) & Counter(predicted_words)).total()
    return 2 * common / (len(true_words) + len(predicted_words))


def score_span_answers(truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> dict[str, Score]:
    """Return exact match and F1 of N answers, each against the best of its true answers.

    The true answer of a question that cannot be answered is the empty text.
    """

    def score_best(measure: Callable[[str, str], float]) -> Score:
        pairs = zip(truth, predicted, strict=True)
        return mean_score(np.array([max(measure(answer, text) for answer in answers) for answers, text in pairs]))

    return {"exact_match": score_best(measure_exact_match), "f1": score_best(measure_word_f1)}
