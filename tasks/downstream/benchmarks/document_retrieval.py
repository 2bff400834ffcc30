"""Retrieval of the documents that a question is about, zero-shot."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table, name_setting
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.collection import (
    Collection,
    read_beir_collection,
    read_pair_collection,
    read_squad_collection,
)
from tasks.downstream.readers.squad import is_squad_file
from tasks.downstream.task_types.retrieval import RetrievalTask
from tasks.input_files.data_paths import get_data_suffix, is_data_folder
from tasks.input_files.table_reader import TABLE_SUFFIXES
from tasks.runtime.log_once import log_once

log = logging.getLogger("textmill.evaluate")


class QuestionSet(ZeroShotFiles):
    """One set of questions with their documents."""

    suffixes = TABLE_SUFFIXES

    format: Literal["auto", "squad", "pairs", "beir"] = "auto"
    """squad: a JSON file whose questions ask for their paragraphs; pairs: a table with a question and its document a
    row; beir: a folder with corpus.jsonl, queries.jsonl and qrels.tsv or qrels/test.tsv; auto: by the content"""
    question_column: str = "question"
    """column of the question in a table; such as a title"""
    document_column: str = "document"
    """column of the document in a table; such as an abstract, which may be a list of sentences"""

    def load_collection(self) -> Collection:
        """Read the questions and documents of the file. Raises StageFailure that names the row."""
        path, file_format = Path(self.path), self.format
        if file_format == "auto" and not self.dataset.name:
            is_squad = get_data_suffix(path) == ".json" and is_squad_file(path, self.encoding)
            file_format = "beir" if is_data_folder(path) else "squad" if is_squad else "auto"
        rejected = self.make_rejected_rows()
        if file_format == "squad":
            collection = read_squad_collection(path, rejected, self.encoding)
        elif file_format == "beir":
            collection = read_beir_collection(path, rejected)
        else:
            columns = [self.question_column, self.document_column]
            collection = read_pair_collection(self.read_rows(path, columns, rejected=rejected), *columns)
        num_texts = len(collection.questions) + len(collection.documents)
        rejected.check_fraction(len(rejected.errors), num_texts, self.path)
        if rejected.errors:
            log_once(log.warning, "%s:%s", self.name, rejected.describe("rows"))
        return collection


class DocumentRetrieval(DataSetBenchmark):
    """Find the document of a question by the cosine of their vectors, zero-shot (formats of SQuAD, BEIR)."""

    sets: list[QuestionSet] = Field([])
    """the sets of questions; none by default"""
    max_questions: int = Field(500, ge=1)
    """most questions of each set"""
    max_documents: int = Field(5000, ge=2)
    """most documents of each set; those that a question asks for are always kept"""
    seed: int = 0
    """seed that decides what is kept when a set has more than its limit"""

    def make_task(self, data: QuestionSet) -> Task:
        """Draw questions, keep their documents, and add other documents up to the limit."""
        with name_setting("path"):
            collection = data.load_collection()
        rng = np.random.default_rng(self.seed)
        all_questions = list(collection.questions)
        questions = [all_questions[index] for index in _sample_indices(len(all_questions), self.max_questions, rng)]
        # a dictionary keeps the order, which a set would not
        relevant = {text: None for question in questions for text in collection.questions[question][0]}
        others = [text for text in collection.documents if text not in relevant]
        num_others = max(0, self.max_documents - len(relevant))
        distractors = [others[index] for index in _sample_indices(len(others), num_others, rng)]
        # Relevant documents first, so their rows stay when the number of others changes.
        row_of_document = {text: row for row, text in enumerate([*relevant, *distractors])}
        document_rows = [{"text": text, "relevant": [], ORIGIN: collection.documents[text]} for text in row_of_document]
        question_rows = []
        for question in questions:
            texts, origin = collection.questions[question]
            question_rows.append(
                {"text": question, "relevant": [row_of_document[text] for text in texts], ORIGIN: origin}
            )
        train, test = (build_table(rows, RetrievalTask.columns) for rows in (document_rows, question_rows))
        about = f"Find the documents of {len(test):,} questions of {data.name} among {len(train):,}."
        return Task(data.name, about, "retrieval", [], train, test.clear(), test, [0])


def _sample_indices(count: int, max_count: int, rng: np.random.Generator) -> list[int]:
    """Return at most `max_count` random indices below `count`, in ascending order."""
    indices: list[int] = np.sort(rng.permutation(count)[:max_count]).tolist()
    return indices
