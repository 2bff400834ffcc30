"""Questions and the documents that they ask for: from SQuAD's JSON, from tables, from folders of BEIR's format."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.downstream.readers.json_objects import objects_of
from tasks.downstream.readers.squad import questions_of
from tasks.downstream.readers.table import Row, rows_of, text_in
from tasks.errors import StageFailure


@dataclass
class Collection:
    """Documents and questions with their origins. Equal documents are one, and so are equal questions."""

    documents: dict[str, str] = field(default_factory=dict)
    """text → origin"""
    questions: dict[str, tuple[list[str], str]] = field(default_factory=dict)
    """text → the texts of its documents, and the origin"""

    def add(self, question: str, document: str, origin: str) -> None:
        """A question and one of its documents."""
        self.documents.setdefault(document, origin)
        relevant, _ = self.questions.setdefault(question, ([], origin))
        if document not in relevant:
            relevant.append(document)


def squad(path: Path) -> Collection:
    """Questions and the paragraphs that they are about. Raises StageFailure that names the question."""
    found = Collection()
    for row in questions_of(path):
        found.add(row["question"], row["context"], row["origin"])
    return found


def paired(rows: Iterable[tuple[Row, str]], question: str, document: str) -> Collection:
    """A question and its document a row, with the row's origin."""
    found = Collection()
    for row, origin in rows:
        found.add(text_in(row[question]), text_in(row[document]), origin)
    return found


def beir(folder: Path) -> Collection:
    """Thakur et al., "BEIR", 2021: corpus.jsonl, queries.jsonl, and rows of question, document and relevance.

    Documents that no question asks for are there too. Raises StageFailure that names the row.
    """
    found = Collection()
    documents = dict(_named(folder / "corpus.jsonl"))
    questions = dict(_named(folder / "queries.jsonl"))
    for text, origin in documents.values():
        found.documents.setdefault(text, origin)
    judged = next((each for each in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if each.is_file()), None)
    if judged is None:
        raise StageFailure(f"{folder} holds no qrels.tsv and no qrels/test.tsv", "Give one of them")
    for row, origin in rows_of(judged, ["query-id", "corpus-id", "score"]):
        for known, name in ((questions, "query-id"), (documents, "corpus-id")):
            if row[name] not in known:
                raise StageFailure(f"{origin}: there is no {name} {row[name]!r}", "Correct the row")
        if row["score"] != "0":
            found.add(questions[row["query-id"]][0], documents[row["corpus-id"]][0], origin)
    return found


def _named(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for item, origin in objects_of(path):
        try:
            name, text = str(item["_id"]), item["text"]
        except KeyError as error:
            raise StageFailure(f"{origin}: there is no {error}", "Give objects with _id and text") from error
        yield name, (f"{item.get('title') or ''}\n{text}".strip(), origin)
