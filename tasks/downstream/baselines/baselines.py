"""What a model has to beat: answers without a look at the text, and answers from the words of the sample alone."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.downstream.data.answers import Guess
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics.entities import spans
from tasks.downstream.metrics.words import WORD, words

# Grid of the inverse regularisation; the best value of few-label text tasks lies well inside it.
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)
SPACELESS = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
LONGEST_ENTITY = 12
CLAUSE = re.compile(r"[.,;:!?。，；：！？、\n]+")


def classes_of(probabilities: NDArray[np.float64]) -> pl.DataFrame:
    """Answers of the kind `classes` from probabilities (rows, classes)."""
    return pl.DataFrame(
        {
            "predicted": probabilities.argmax(1).astype(np.int32),
            "confidence": probabilities.max(1).astype(np.float32),
        }
    )


def majority(task: Task, sample: pl.DataFrame) -> Guess:
    """Always the most frequent class of the sample; of equally frequent ones the first."""
    shares = np.bincount(sample["label"], minlength=len(task.names)) / len(sample)
    return Guess(classes_of(np.tile(shares, (len(task.test), 1))), {}, None)


def is_spaceless(texts: list[str]) -> bool:
    """Whether the texts are mostly in a script without spaces between words."""
    sample = "".join(texts[:200])
    return len(re.findall(SPACELESS, sample)) > 0.2 * len(sample)


def vectorizer(texts: list[str]) -> Any:
    """Words and pairs of words; for Chinese and Japanese one to three characters."""
    # it takes a second to import, and a plan or another shard does without
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    if is_spaceless(texts):
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def joined(rows: pl.DataFrame) -> list[str]:
    """Both texts of every row as one."""
    found: list[str] = (rows["text"] + "\n" + rows["second"]).str.strip_chars().to_list()
    return found


def tfidf(task: Task, sample: pl.DataFrame) -> Guess:
    """TF-IDF and logistic regression, its strength chosen on validation; the test set is read once, afterwards.

    Every class must be in the sample. The vectorizer sees the sample only, as the models do.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    vectors = vectorizer(joined(sample))
    features, validation_features = (
        vectors.fit_transform(joined(sample)),
        vectors.transform(joined(task.validation)),
    )
    best: tuple[float, float, Any] | None = None
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=500).fit(features, sample["label"].to_numpy())
        score = float((task.validation["label"].to_numpy() == model.predict(validation_features)).mean())
        if best is None or score > best[0]:
            best = score, strength, model
    assert best is not None
    score, strength, model = best
    assert len(model.classes_) == len(task.names)
    return Guess(classes_of(model.predict_proba(vectors.transform(joined(task.test)))), {"C": strength}, score)


def chance(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """All options are equally likely."""
    return Guess(pl.DataFrame({"likelihoods": [[0.0] * len(each) for each in task.test["options"]]}), {}, None)


def shortest(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """The option with the fewest bytes is the likeliest."""
    sizes = [[-float(len(text.encode())) for text in each] for each in task.test["options"].to_list()]
    return Guess(pl.DataFrame({"likelihoods": sizes}), {}, None)


def beginning(task: Task, sample: pl.DataFrame) -> Guess:
    """As much of the text's beginning as answers are long."""
    length = round(float(sample["answers"].list.first().str.len_chars().mean()))  # type: ignore[arg-type]
    return Guess(task.test.select(pl.col("context").str.head(length).alias("predicted")), {}, None)


def likeliest_clause(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """The clause with most of the question's words, of equally good ones the shortest."""

    def best(question: str, context: str) -> str:
        asked = set(words(question))
        clauses = [each for each in CLAUSE.split(context) if each.strip()] or [""]
        return max(clauses, key=lambda clause: (len(asked & set(words(clause))), -len(clause))).strip()

    pairs = task.test.select("question", "context").iter_rows()
    return Guess(pl.DataFrame({"predicted": [best(*pair) for pair in pairs]}), {}, None)


def mean_number(task: Task, sample: pl.DataFrame) -> Guess:
    """The mean of the sample for every row."""
    return Guess(pl.DataFrame({"predicted": np.full(len(task.test), sample["number"].mean())}), {}, None)


def overlap(task: Task, sample: pl.DataFrame) -> Guess:
    """The cosine of both texts' TF-IDF vectors: nothing is learnt but the words' weights."""
    texts = [*sample["text"], *sample["second"]]
    vectors = vectorizer(texts).fit(texts)
    one, other = (vectors.transform(task.test[part].to_list()) for part in ("text", "second"))
    return Guess(pl.DataFrame({"predicted": np.asarray(one.multiply(other).sum(1)).ravel()}), {}, None)


def outside(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """No word is part of an entity."""
    none = task.names.index("O")
    return Guess(pl.DataFrame({"predicted": [[none] * len(sentence) for sentence in task.test["words"]]}), {}, None)


def known_entities(task: Task, sample: pl.DataFrame) -> Guess:
    """The sample's entities wherever the same words stand, the longest first."""
    types: dict[tuple[str, ...], list[int]] = {}
    for sentence, tags in sample.select("words", "tags").iter_rows():
        for _, first, last in spans([task.names[tag] for tag in tags]):
            types.setdefault(tuple(sentence[first : last + 1]), tags[first : last + 1])
    answers = [list(_marked(each, types, task.names.index("O"))) for each in task.test["words"].to_list()]
    return Guess(pl.DataFrame({"predicted": answers}), {}, None)


def _marked(sentence: list[str], types: dict[tuple[str, ...], list[int]], none: int) -> Iterator[int]:
    place = 0
    while place < len(sentence):
        lengths = range(min(LONGEST_ENTITY, len(sentence) - place), 0, -1)
        spans_here = (tuple(sentence[place : place + length]) for length in lengths)
        found = next((types[each] for each in spans_here if each in types), None)
        yield from found or [none]
        place += len(found or [none])


def lead(task: Task, sample: pl.DataFrame) -> Guess:
    """As many of the text's first words as the sample's targets have on average; in Chinese, characters."""
    count = max(1, round(float(np.mean([len(words(wanted[0])) for wanted in sample["wanted"].to_list()]))))

    def beginning_of(text: str) -> str:
        ends = [found.end() for found in itertools.islice(WORD.finditer(text), count)]
        return text[: ends[-1]] if ends else text

    return Guess(pl.DataFrame({"written": [beginning_of(text) for text in task.test["text"]]}), {}, None)


def copy(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """The text as it is."""
    return Guess(task.test.select(pl.col("text").alias("written")), {}, None)


def nearest(task: Task, sample: pl.DataFrame) -> Guess:
    """The target of the sample's text whose TF-IDF vector is the nearest."""
    texts = sample["text"].to_list()
    vectors = vectorizer(texts)
    known = vectors.fit_transform(texts)
    found = np.asarray((vectors.transform(task.test["text"].to_list()) @ known.T).argmax(1)).ravel()
    return Guess(pl.DataFrame({"written": [sample["wanted"][int(row)][0] for row in found]}), {}, None)
