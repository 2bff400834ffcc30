"""Collections for retrieval, questions and their documents: from SQuAD's JSON, tables, and folders in BEIR's format."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
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


def read_squad_collection(path: Path, rejected: RejectedRows, encoding: str = "") -> Collection:
    """Read questions, each with its paragraph as document. `rejected` raises or counts what is not as in SQuAD."""
    collection = Collection()
    for row in read_questions(path, rejected, encoding):
        collection.add(row["question"], row["context"], row["origin"])
    return collection


def read_pair_collection(rows: Iterable[tuple[Row, str]], question: str, document: str) -> Collection:
    """Collect a question and its document from each row; `question` and `document` are columns."""
    collection = Collection()
    for row, origin in rows:
        collection.add(as_text(row[question]), as_text(row[document]), origin)
    return collection


def read_beir_collection(folder: Path, rejected: RejectedRows) -> Collection:
    """Read corpus.jsonl, queries.jsonl and the qrels: rows of question, document and relevance.

    Thakur et al., "BEIR", 2021. Documents without a question are included. A row that does not fit is an error, which
    `rejected` raises or counts. Raises StageFailure for a file that is missing.
    """
    collection = Collection()
    documents = dict(_read_texts(folder / "corpus.jsonl", rejected))
    questions = dict(_read_texts(folder / "queries.jsonl", rejected))
    for text, origin in documents.values():
        collection.documents.setdefault(text, origin)
    qrels = next((path for path in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if is_data_file(path)), None)
    if qrels is None:
        raise StageFailure(f"{folder} holds no qrels.tsv and no qrels/test.tsv", "Give one of them")
    for row, origin in read_table_rows(qrels, ["query-id", "corpus-id", "score"], rejected=rejected):
        unknown = [
            name for name, texts in (("query-id", questions), ("corpus-id", documents)) if row[name] not in texts
        ]
        if unknown:
            what = f"{origin}: there is no {unknown[0]} {row[unknown[0]]!r}"
            rejected.reject(StageFailure(what, "Correct the row"))
        # A TSV file holds texts; 0 marks a judged document that is not relevant.
        elif row["score"] != "0":
            collection.add(questions[row["query-id"]][0], documents[row["corpus-id"]][0], origin)
    return collection


def _read_texts(path: Path, rejected: RejectedRows) -> Iterator[tuple[str, tuple[str, str]]]:
    for item, origin in read_objects(path, SETTING, on_broken=rejected.reject):
        missing = [name for name in ("_id", "text") if name not in item]
        if missing:
            rejected.reject(StageFailure(f"{origin}: there is no {missing[0]!r}", "Give objects with _id and text"))
        else:
            yield str(item["_id"]), (f"{item.get('title') or ''}\n{item['text']}".strip(), origin)
