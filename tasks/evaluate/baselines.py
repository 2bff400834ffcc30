"""What a model has to beat: the most frequent class, and TF-IDF with logistic regression."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tasks.evaluate.labelled import Part

# Grid of the inverse regularisation; the best value of few-label text tasks lies well inside it.
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)
SPACELESS = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"


@dataclass(frozen=True)
class Guess:
    """Class probabilities of the test examples, (examples, classes), and what was chosen on validation."""

    probabilities: NDArray[np.float32]
    chosen: dict[str, float]
    validation: float | None


def majority(train: Part, test: Part, num_classes: int) -> Guess:
    """Always the most frequent class of the sample; of equally frequent ones the first."""
    shares = np.bincount(train.labels, minlength=num_classes) / len(train)
    guess = np.zeros(num_classes, dtype=np.float32)
    guess[shares.argmax()] = 1.0
    return Guess(np.tile(guess, (len(test), 1)), {}, None)


def is_spaceless(texts: list[str]) -> bool:
    """Whether the texts are mostly in a script without spaces between words."""
    sample = "".join(texts[:200])
    return len(re.findall(SPACELESS, sample)) > 0.2 * len(sample)


def vectorizer(texts: list[str]) -> TfidfVectorizer:
    """Words and pairs of words; for Chinese and Japanese one to three characters."""
    if is_spaceless(texts):
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def tfidf(train: Part, validation: Part, test: Part, num_classes: int) -> Guess:
    """TF-IDF and logistic regression, its strength chosen on validation; the test set is read once, afterwards.

    Every class must be in `train`. The vectorizer sees the labelled sample only, as the models do.
    """
    vectors = vectorizer(train.texts)
    features, validation_features = vectors.fit_transform(train.texts), vectors.transform(validation.texts)
    best: tuple[float, float, LogisticRegression] | None = None
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=500).fit(features, train.labels)
        score = float((validation.labels == model.predict(validation_features)).mean())
        if best is None or score > best[0]:
            best = score, strength, model
    assert best is not None
    score, strength, model = best
    assert len(model.classes_) == num_classes
    probabilities = model.predict_proba(vectors.transform(test.texts)).astype(np.float32)
    return Guess(probabilities, {"C": strength}, score)
