"""Find the documents that a question is about, without fine-tuning."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import ScoredFiles, frame
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.collection import Collection, beir, paired, squad
from tasks.downstream.task_types.retrieval import Retrieval


class QuestionSet(ScoredFiles):
    """One set of questions with their documents."""

    format: Literal["squad", "pairs", "beir"] = "pairs"
    """squad: a JSON file whose questions ask for their paragraphs; pairs: a table with a question and its document a
    row; beir: a folder with corpus.jsonl, queries.jsonl and qrels.tsv or qrels/test.tsv"""
    question: str = "question"
    """column of the question in a table; such as a title"""
    document: str = "document"
    """column of the document in a table; such as an abstract, which may be a list of sentences"""

    def collection(self) -> Collection:
        """What its file holds."""
        path = Path(self.path)
        if self.format == "pairs":
            return paired(self.rows(path, [self.question, self.document]), self.question, self.document)
        return squad(path) if self.format == "squad" else beir(path)


class DocumentRetrieval(Benchmark):
    """Find the document of a question by the cosine of their vectors, without fine-tuning (formats of SQuAD, BEIR)."""

    enabled: bool = True
    """whether models are scored on the sets below"""
    sets: list[QuestionSet] = Field([])
    """the sets; none by default"""
    most_questions: int = Field(500, ge=1)
    """questions of each set, at most"""
    most_documents: int = Field(5000, ge=2)
    """documents of each set, at most; those that a question asks for stay"""
    seed: int = 0
    """decides what stays when a set has more than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per set. Raises StageFailure that names the file and the row."""
        for questions in self.sets:
            yield self._task(questions.name, questions.collection())

    def _task(self, name: str, found: Collection) -> Task:
        rng = np.random.default_rng(self.seed)
        asked = [list(found.questions)[place] for place in _some(len(found.questions), self.most_questions, rng)]
        wanted = {text: None for question in asked for text in found.questions[question][0]}
        others = [text for text in found.documents if text not in wanted]
        rest = [others[place] for place in _some(len(others), max(0, self.most_documents - len(wanted)), rng)]
        numbers = {text: number for number, text in enumerate([*wanted, *rest])}
        documents = [{"text": text, "relevant": [], ORIGIN: found.documents[text]} for text in numbers]
        questions = []
        for question in asked:
            texts, origin = found.questions[question]
            questions.append({"text": question, "relevant": [numbers[text] for text in texts], ORIGIN: origin})
        train, test = (frame(rows, Retrieval.columns) for rows in (documents, questions))
        about = f"Find the documents of {len(test):,} questions of {name} among {len(train):,}."
        return Retrieval().checked(Task(name, about, "retrieval", [], train, test.clear(), test, [0]))


def _some(number: int, most: int, rng: np.random.Generator) -> list[int]:
    """Places of some of so many things, in their order."""
    found: list[int] = np.sort(rng.permutation(number)[:most]).tolist()
    return found
