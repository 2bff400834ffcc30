"""Predictions of a fine-tuned model for rows of texts, as tables for people and programs."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tasks.downstream.baselines.baselines import is_spaceless
from tasks.downstream.data.task_data import ORIGIN
from tasks.downstream.heads.texts import TextGenerationModel
from tasks.downstream.kept_models.open import open_kept_model
from tasks.downstream.kept_models.record import KeptRecord
from tasks.downstream.metrics.entities import extract_entities
from tasks.downstream.models.one_thread import use_one_thread
from tasks.inference.writing import Sampling, WriteText

WORDS = re.compile(r"\S+")
CHARACTERS = re.compile(r"\S")
PAIR_SIGN = "||"
"""Between two texts of a prompt: text and second text, or question and context"""

Row = dict[str, Any]


class TaggedText(NamedTuple):
    """A text as words, with the place of each word in it."""

    words: list[str]
    spans: list[tuple[int, int]]
    between: str


class Predictor:
    """A fine-tuned model that answers rows with a `text`, and a `second` text where it reads two.

    Of questions `text` is the question and `second` the text that holds the answer.
    """

    def __init__(self, folder: Path, record: KeptRecord) -> None:
        """Open the model. Raises StageFailure for a folder that holds none of the record's type."""
        self.record = record
        self.task = record.make_empty_task()
        self.model = open_kept_model(folder, self.task, record.finetuning)

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return a row of predictions for each row, in order: the columns depend on the type of the task."""
        if rows.is_empty():
            return pl.DataFrame()
        texts = rows["text"].to_list()
        tagged = [split_words(text) for text in texts] if self.record.kind == "tags" else []
        examples = self._make_rows(rows, tagged)
        with use_one_thread():
            encoded = self.model.make_examples(self.model.tokenizer, examples)
            if isinstance(self.model, TextGenerationModel):
                answers = self.model.write_texts(encoded)
            else:
                _, answers = self.model.evaluate(encoded)
        return self._format_answers(answers, texts, tagged)

    def _make_rows(self, rows: pl.DataFrame, tagged: list[TaggedText]) -> pl.DataFrame:
        """Return the rows in the columns of the task's type, with answers that mean nothing."""
        count, texts = len(rows), rows["text"].to_list()
        seconds = [second or "" for second in rows["second"].to_list()] if "second" in rows.columns else [""] * count
        columns: dict[str, list[Any]] = {"text": texts, "second": seconds, ORIGIN: [""] * count}
        match self.record.kind:
            case "classes" | "relations":  # of relations the signs around the spans are in the text already
                columns |= {"label": [0] * count}
            case "numbers":
                columns |= {"number": [0.0] * count}
            case "texts":
                columns |= {"wanted": [[""]] * count}
            case "answers":
                columns |= {"question": texts, "context": seconds, "answers": [[]] * count, "starts": [[]] * count}
            case "tags":
                outside = self.task.names.index("O")
                columns |= {
                    "words": [text.words for text in tagged],
                    "tags": [[outside] * len(text.words) for text in tagged],
                    "between": [text.between for text in tagged],
                }
        schema = dict(self.task.test.schema)
        if self.record.kind == "relations":
            schema = {name: kind for name, kind in schema.items() if name in columns}
        return pl.DataFrame({name: columns[name] for name in schema}, schema=schema)

    def _format_answers(self, answers: pl.DataFrame, texts: list[str], tagged: list[TaggedText]) -> pl.DataFrame:
        names = self.task.names
        match self.record.kind:
            case "classes" | "relations":
                return pl.DataFrame(
                    {
                        "label": [names[label] for label in answers["predicted"]],
                        "confidence": answers["confidence"],
                        "probabilities": [
                            dict(zip(names, row, strict=True)) for row in answers["probabilities"].to_list()
                        ],
                    },
                    schema_overrides={"probabilities": pl.Struct(dict.fromkeys(names, pl.Float32))},
                )
            case "numbers":
                return answers.select(number="predicted")
            case "answers":
                return answers.select(answer="predicted", score="confidence")
            case "texts":
                return answers.select("written", truncated="source_cut")
            case _:
                entities = [
                    list_entities(text, words, [names[tag] for tag in tags])
                    for text, words, tags in zip(texts, tagged, answers["predicted"].to_list(), strict=True)
                ]
                confidences = [min(row, default=1.0) for row in answers["confidences"].to_list()]
                return pl.DataFrame(
                    {"entities": entities, "confidence": confidences},
                    schema={"entities": ENTITIES, "confidence": pl.Float32},
                )

    def write_answer(self, prompt: str, sampling: Sampling, write: WriteText) -> None:  # noqa: ARG002
        """Write the answer to one text; `||` stands between two."""
        text, _, second = (part.strip() for part in prompt.partition(PAIR_SIGN))
        (answer,) = self.predict(pl.DataFrame({"text": [text], "second": [second]})).to_dicts()
        write(format_answer(answer) + "\n")


ENTITIES = pl.List(pl.Struct({"type": pl.String, "text": pl.String, "start": pl.Int32, "end": pl.Int32}))


def split_words(text: str) -> TaggedText:
    """Split a text at spaces; one in a script without spaces into characters."""
    spaceless = is_spaceless([text])
    spans = [match.span() for match in (CHARACTERS if spaceless else WORDS).finditer(text)]
    return TaggedText([text[start:end] for start, end in spans], spans, "" if spaceless else " ")


def list_entities(text: str, tagged: TaggedText, tags: list[str]) -> list[Row]:
    """Return the entities of a text, each with its place in it, in characters."""
    rows = []
    for entity_type, first, last in extract_entities(tags):
        start, end = tagged.spans[first][0], tagged.spans[last][1]
        rows.append({"type": entity_type, "text": text[start:end], "start": start, "end": end})
    return rows


def format_answer(answer: Row) -> str:
    """Return an answer as a line for people."""
    if "label" in answer:
        best = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:5]
        return ", ".join(f"{name} {probability:.2f}" for name, probability in best)
    if "entities" in answer:
        return ", ".join(f"{entity['type']}: {entity['text']}" for entity in answer["entities"]) or "no entity"
    if "number" in answer:
        return f"{answer['number']:.4g}"
    return str(answer.get("answer", answer.get("written", "")))
