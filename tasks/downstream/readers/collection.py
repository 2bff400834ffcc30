"""Collections for retrieval, questions and their documents: from SQuAD's JSON, tables, and folders in BEIR's format."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.squad import read_questions
from tasks.downstream.readers.table import as_text, read_table_rows
from tasks.errors import StageFailure
from tasks.input_files.data_paths import is_data_file
from tasks.input_files.json_objects import read_objects
from tasks.input_files.table_reader import Row


@dataclass
class Collection:
    """Documents and questions with their origins. Equal documents are stored once, and so are equal questions."""

    documents: dict[str, str] = field(default_factory=dict)
    """text → origin"""
    questions: dict[str, tuple[list[str], str]] = field(default_factory=dict)
    """text → the texts of its documents, and the origin"""

    def add(self, question: str, document: str, origin: str) -> None:
        """Add a question with one of its documents."""
        self.documents.setdefault(document, origin)
        relevant, _ = self.questions.setdefault(question, ([], origin))
        if document not in relevant:
            relevant.append(document)


def read_squad_collection(path: Path) -> Collection:
    """Read questions, each with its paragraph as document. Raises StageFailure that names the question."""
    collection = Collection()
    for row in read_questions(path):
        collection.add(row["question"], row["context"], row["origin"])
    return collection


def read_pair_collection(rows: Iterable[tuple[Row, str]], question: str, document: str) -> Collection:
    """Collect a question and its document from each row; `question` and `document` are columns."""
    collection = Collection()
    for row, origin in rows:
        collection.add(as_text(row[question]), as_text(row[document]), origin)
    return collection


def read_beir_collection(folder: Path) -> Collection:
    """Read corpus.jsonl, queries.jsonl and the qrels: rows of question, document and relevance.

    Thakur et al., "BEIR", 2021. Documents without a question are included. Raises StageFailure that names the row.
    """
    collection = Collection()
    documents = dict(_read_texts(folder / "corpus.jsonl"))
    questions = dict(_read_texts(folder / "queries.jsonl"))
    for text, origin in documents.values():
        collection.documents.setdefault(text, origin)
    qrels = next((path for path in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if is_data_file(path)), None)
    if qrels is None:
        raise StageFailure(f"{folder} holds no qrels.tsv and no qrels/test.tsv", "Give one of them")
    for row, origin in read_table_rows(qrels, ["query-id", "corpus-id", "score"]):
        for texts, column in ((questions, "query-id"), (documents, "corpus-id")):
            if row[column] not in texts:
                raise StageFailure(f"{origin}: there is no {column} {row[column]!r}", "Correct the row")
        # A TSV file holds texts; 0 marks a judged document that is not relevant.
        if row["score"] != "0":
            collection.add(questions[row["query-id"]][0], documents[row["corpus-id"]][0], origin)
    return collection


def _read_texts(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for item, origin in read_objects(path, SETTING):
        try:
            name, text = str(item["_id"]), item["text"]
        except KeyError as error:
            raise StageFailure(f"{origin}: there is no {error}", "Give objects with _id and text") from error
        yield name, (f"{item.get('title') or ''}\n{text}".strip(), origin)
