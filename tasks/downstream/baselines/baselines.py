"""Baselines that a model has to beat: some ignore the text, others know only the words of the training sample."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.downstream.data.baseline_predictions import BaselinePredictions
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics.classes import ANY_CLASS
from tasks.downstream.metrics.entities import extract_entities
from tasks.downstream.metrics.words import WORD, split_words

# Grid of the inverse regularisation strength; the best value of few-label text tasks lies well inside of it.
INVERSE_REGULARISATIONS = (0.1, 1.0, 10.0, 100.0, 1000.0)
SPACELESS = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
MAX_ENTITY_WORDS = 12
CLAUSE_END = re.compile(r"[.,;:!?。，；：！？、\n]+")


def build_class_answers(probabilities: NDArray[np.float64]) -> pl.DataFrame:
    """Return the answers to a classification task from probabilities (rows, classes)."""
    return pl.DataFrame(
        {
            "predicted": probabilities.argmax(1).astype(np.int32),
            "confidence": probabilities.max(1).astype(np.float32),
            "probabilities": probabilities.astype(np.float32).tolist(),
        },
        schema_overrides={"probabilities": pl.List(pl.Float32)},
    )


def predict_majority_class(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001
    """Predict the most frequent class of the whole training part for every row; of equally frequent ones the first.

    Not of the sample, which has equally many examples of each class and so no largest one.
    """
    frequencies = np.bincount(task.train["label"], minlength=len(task.names)) / len(task.train)
    return BaselinePredictions(build_class_answers(np.tile(frequencies, (len(task.test), 1))), {}, None)


def guess_class(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Give all classes the same probability; scored by its expectation, not by one lucky or unlucky draw."""
    probabilities = np.full((len(task.test), len(task.names)), 1 / len(task.names))
    answers = build_class_answers(probabilities).with_columns(predicted=pl.lit(ANY_CLASS, pl.Int32))
    return BaselinePredictions(answers, {}, None)


def is_spaceless(texts: list[str]) -> bool:
    """Return whether the first texts are mostly in a script without spaces between words."""
    sample = "".join(texts[:200])
    return len(re.findall(SPACELESS, sample)) > 0.2 * len(sample)


def make_vectorizer(texts: list[str]) -> Any:
    """Return a TF-IDF vectorizer of words and pairs of words; for Chinese and Japanese of one to three characters."""
    # the import takes a second, and planning a run does not need it
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    if is_spaceless(texts):
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def join_both_texts(rows: pl.DataFrame) -> list[str]:
    """Return both texts of every row as one."""
    texts: list[str] = (rows["text"] + "\n" + rows["second"]).str.strip_chars().to_list()
    return texts


def predict_with_tfidf(task: Task, sample: pl.DataFrame) -> BaselinePredictions:
    """Predict classes by TF-IDF and logistic regression, with the regularisation that is best on validation.

    A class that is not in the sample has the probability 0. The vectorizer sees the sample only, as the models do, and
    the test part is read once, after the choice.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    vectorizer = make_vectorizer(join_both_texts(sample))
    features = vectorizer.fit_transform(join_both_texts(sample))
    validation_features = vectorizer.transform(join_both_texts(task.validation))
    best: tuple[float, float, Any] | None = None
    for strength in INVERSE_REGULARISATIONS:
        model = LogisticRegression(C=strength, max_iter=500).fit(features, sample["label"].to_numpy())
        score = float((task.validation["label"].to_numpy() == model.predict(validation_features)).mean())
        # Strictly better: among equal ones the strongest regularisation stays, as the grid begins with it.
        if best is None or score > best[0]:
            best = score, strength, model
    assert best is not None
    score, strength, model = best
    # predict_proba has a column for each class of the sample, and a class may be in the test part alone
    probabilities = np.zeros((len(task.test), len(task.names)))
    probabilities[:, model.classes_] = model.predict_proba(vectorizer.transform(join_both_texts(task.test)))
    return BaselinePredictions(build_class_answers(probabilities), {"C": strength}, score)


def score_options_equally(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Give all options the same likelihood."""
    likelihoods = [[0.0] * len(options) for options in task.test["options"]]
    return BaselinePredictions(pl.DataFrame({"likelihoods": likelihoods}), {}, None)


def prefer_shortest_option(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Give the option with the fewest bytes the highest likelihood."""
    likelihoods = [[-float(len(text.encode())) for text in options] for options in task.test["options"].to_list()]
    return BaselinePredictions(pl.DataFrame({"likelihoods": likelihoods}), {}, None)


def answer_with_beginning(task: Task, sample: pl.DataFrame) -> BaselinePredictions:
    """Answer with the beginning of the text, as long as the sample's answers are on average."""
    # the first answer of each question, as models learn from it
    length = round(float(sample["answers"].list.first().str.len_chars().mean()))  # type: ignore[arg-type]
    return BaselinePredictions(task.test.select(pl.col("context").str.head(length).alias("predicted")), {}, None)


def answer_with_likeliest_clause(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001
    """Answer with the clause that has most of the question's words; of equally good ones the shortest."""

    def find_clause(question: str, context: str) -> str:
        question_words = set(split_words(question))
        clauses = [clause for clause in CLAUSE_END.split(context) if clause.strip()] or [""]
        return max(clauses, key=lambda clause: (len(question_words & set(split_words(clause))), -len(clause))).strip()

    pairs = task.test.select("question", "context").iter_rows()
    return BaselinePredictions(pl.DataFrame({"predicted": [find_clause(*pair) for pair in pairs]}), {}, None)


def predict_mean_number(task: Task, sample: pl.DataFrame) -> BaselinePredictions:
    """Predict the mean of the sample's numbers for every row."""
    return BaselinePredictions(pl.DataFrame({"predicted": np.full(len(task.test), sample["number"].mean())}), {}, None)


def predict_tfidf_cosine(task: Task, sample: pl.DataFrame) -> BaselinePredictions:
    """Predict the cosine of both texts' TF-IDF vectors; the sample gives only the words' weights."""
    texts = [*sample["text"], *sample["second"]]
    vectorizer = make_vectorizer(texts).fit(texts)
    first, second = (vectorizer.transform(task.test[column].to_list()) for column in ("text", "second"))
    return BaselinePredictions(pl.DataFrame({"predicted": np.asarray(first.multiply(second).sum(1)).ravel()}), {}, None)


def predict_no_entity(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Tag every word as part of no entity."""
    outside = task.names.index("O")
    tags = [[outside] * len(sentence) for sentence in task.test["words"]]
    return BaselinePredictions(pl.DataFrame({"predicted": tags}), {}, None)


def predict_known_entities(task: Task, sample: pl.DataFrame) -> BaselinePredictions:
    """Tag the sample's entities wherever the same words occur, the longest first."""
    known: dict[tuple[str, ...], list[int]] = {}
    for sentence, tags in sample.select("words", "tags").iter_rows():
        for _, first, last in extract_entities([task.names[tag] for tag in tags]):
            # an entity with several types keeps the first one seen
            known.setdefault(tuple(sentence[first : last + 1]), tags[first : last + 1])
    outside = task.names.index("O")
    answers = [list(_tag_known_entities(sentence, known, outside)) for sentence in task.test["words"].to_list()]
    return BaselinePredictions(pl.DataFrame({"predicted": answers}), {}, None)


def _tag_known_entities(sentence: list[str], known: dict[tuple[str, ...], list[int]], outside: int) -> Iterator[int]:
    position = 0
    while position < len(sentence):
        # Falling, so that the longest match is tried first.
        lengths = range(min(MAX_ENTITY_WORDS, len(sentence) - position), 0, -1)
        candidates = (tuple(sentence[position : position + length]) for length in lengths)
        tags = next((known[words] for words in candidates if words in known), [outside])
        # The tags of the whole entity, and the scan goes on behind it: entities do not overlap.
        yield from tags
        position += len(tags)


def write_first_words(task: Task, sample: pl.DataFrame) -> BaselinePredictions:
    """Write the text's first words, as many as the sample's targets have on average; in Chinese, characters."""
    count = max(1, round(float(np.mean([len(split_words(targets[0])) for targets in sample["wanted"].to_list()]))))

    def cut_beginning(text: str) -> str:
        ends = [word.end() for word in itertools.islice(WORD.finditer(text), count)]
        return text[: ends[-1]] if ends else text

    return BaselinePredictions(pl.DataFrame({"written": [cut_beginning(text) for text in task.test["text"]]}), {}, None)


def write_source_text(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Write the source text unchanged."""
    return BaselinePredictions(task.test.select(pl.col("text").alias("written")), {}, None)


def write_nearest_target(task: Task, sample: pl.DataFrame) -> BaselinePredictions:
    """Write the target of the sample's text with the nearest TF-IDF vector."""
    texts = sample["text"].to_list()
    vectorizer = make_vectorizer(texts)
    vectors = vectorizer.fit_transform(texts)
    nearest = np.asarray((vectorizer.transform(task.test["text"].to_list()) @ vectors.T).argmax(1)).ravel()
    return BaselinePredictions(pl.DataFrame({"written": [sample["wanted"][int(row)][0] for row in nearest]}), {}, None)
