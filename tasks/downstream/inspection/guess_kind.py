"""Guess which kinds of benchmark a file may be for, the likeliest first, by what its beginning holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.choices import (
    collect_options,
    find_choice_columns,
    find_option_columns,
    find_unnamed_options,
    parse_answer_index,
    parse_option_list,
)
from tasks.downstream.readers.clue import is_c3_file, is_chid_file
from tasks.downstream.readers.column_roles import find_pair, profile_columns
from tasks.downstream.readers.conll import guess_word_columns, looks_like_tags
from tasks.downstream.readers.dialogues import is_dialogue_file
from tasks.downstream.readers.spans import MARK, SPAN_FIELDS
from tasks.downstream.readers.squad import is_squad_file
from tasks.downstream.readers.table import sample_table
from tasks.input_files.column_names import find_by_name, normalise_column
from tasks.input_files.data_paths import get_data_suffix, read_data_bytes, read_data_text
from tasks.input_files.labelled_texts import guess_line_layout
from tasks.input_files.table_layout import guess_layout
from tasks.input_files.table_reader import Row, TableReader
from tasks.input_files.word_lines import MAX_WORDS, is_slashed, split_sentences

SAMPLE_ROWS = 1000
SCORE_NAMES = frozenset({"score", "similarity", "similarityscore", "relatedness", "relatednessscore"})
RETRIEVAL_NAMES = ({"question", "document"}, {"query", "document"}, {"query", "passage"}, {"query", "positive"})


def guess_kinds(path: Path, reader: TableReader) -> list[str]:
    """Return the kinds of benchmark that a file may be for, the likeliest first."""
    suffix = get_data_suffix(path)
    if suffix == ".parquet" or read_data_bytes(path, SETTING)[:4] == b"PAR1":
        return guess_kinds_by_rows(sample_table(path, reader, SAMPLE_ROWS))
    text = read_data_text(path, SETTING, reader.encoding)
    if text.lstrip()[:1] in ("{", "["):
        if is_chid_file(path) or is_c3_file(path):
            return ["multiple_choice"]
        if is_squad_file(path, reader.encoding):
            return ["question_answering", "document_retrieval"]
        if is_dialogue_file(path, reader.encoding):
            return ["text_to_text"]
        return guess_kinds_by_rows(sample_table(path, reader, SAMPLE_ROWS))
    return guess_kinds_by_text(text, path, reader)


def guess_kinds_by_text(text: str, path: Path, reader: TableReader) -> list[str]:
    """Return the kinds that a text file may be for."""
    head = text[: 1 << 18]
    if MARK.search(head) and "</e2>" in head:
        return ["relation"]
    if is_tagged_text(head) or is_slashed(head):
        return ["tagging"]
    if is_dialogue_file(path, reader.encoding):
        return ["text_to_text"]
    layout = guess_layout(text, get_data_suffix(path), reader.delimiter)
    if layout.delimiter:
        return guess_kinds_by_rows(sample_table(path, reader, SAMPLE_ROWS))
    if guess_line_layout(text.split("\n")):
        return ["labelled_text"]
    return ["language_modelling"]


def is_tagged_text(text: str) -> bool:
    """Return whether a text is sentences of a word and its tags a line, with empty lines between them."""
    sentences = list(split_sentences(text))[:2000]
    rows = [line.cells for sentence in sentences for line in sentence]
    if len(rows) < 2 or any(len(row) < 2 for row in rows[:50]):
        return False
    # a table has no empty lines; the longer its rows, the fewer sentences
    if len(sentences) < 2 or len(rows) > MAX_WORDS * len(sentences):
        return False
    columns = guess_word_columns(text)
    usual = max({len(row) for row in rows}, key=[len(row) for row in rows].count)
    rows = [row for row in rows if len(row) == usual]
    tags = tuple(row[columns.tag] for row in rows)
    if looks_like_tags(tags):
        return True
    # bare types, few of them, and no text that is a sentence
    return len(set(tags)) <= 60 and len(tags) > 2 * len(set(tags)) and all(" " not in row[columns.word] for row in rows)


def guess_kinds_by_rows(rows: Sequence[Row]) -> list[str]:
    """Return the kinds that a table may be for."""
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows[:50] for name in row))
    return _guess_by_names(rows, names) or _guess_by_values(rows, names)


def _guess_by_names(rows: Sequence[Row], names: list[str]) -> list[str]:
    """Return the kind of tables whose columns have names or forms of their own; an empty list for any other."""
    normalised, first = {normalise_column(name) for name in names}, rows[0]
    is_tagged = any(_has_tag_lists(row) for row in rows[:50]) or any(
        _is_span_list(row.get(name)) for row in rows[:50] for name in SPAN_FIELDS
    )
    has_answers = {"question", "context"} <= normalised and bool({"answers", "answer"} & normalised)
    forms = {
        "minimal_pairs": bool(find_by_name(names, "good") and find_by_name(names, "bad")),
        "stereotype_pairs": bool(find_by_name(names, "more") and find_by_name(names, "less")),
        "tagging": is_tagged,
        "question_answering": has_answers,
        "multiple_choice": _is_choice_table(rows, names),
        "relation": any(isinstance(value, str) and "<e1>" in value and MARK.search(value) for value in first.values()),
    }
    return [kind for kind, fits in forms.items() if fits][:1]


def _guess_by_values(rows: Sequence[Row], names: list[str]) -> list[str]:
    """Return the kinds of tables of texts, by the names and values of their columns."""
    profiles = profile_columns(rows)
    texts = [name for name, profile in profiles.items() if profile.looks_like_text]
    numbers = [
        name
        for name, profile in profiles.items()
        # whole numbers are classes, unless they are called a score
        if profile.has_fractions
        or (normalise_column(name) in SCORE_NAMES and profile.is_numeric and profile.num_distinct > 2)
    ]
    if {normalise_column(name) for name in texts} in RETRIEVAL_NAMES:
        return ["document_retrieval", "text_to_text"]
    if numbers and (find_pair(texts)[0] or find_by_name(numbers, "number") or len(texts) == 2):
        return ["similarity", "labelled_text"]
    has_label = any(profile.looks_like_label for profile in profiles.values()) or bool(find_by_name(names, "label"))
    if has_label and texts and not {"source", "target"} <= {normalise_column(name) for name in names}:
        return ["labelled_text", "text_to_text"]
    if len(texts) >= 2 or "target" in map(normalise_column, names):
        return ["text_to_text", "labelled_text"]
    return ["labelled_text"] if len(names) > 1 and has_label else ["language_modelling", "labelled_text"]


def _has_tag_lists(row: Row) -> bool:
    lists = [value for value in row.values() if isinstance(value, list) and value and isinstance(value[0], str)]
    return any(
        len(one) == len(other)
        and one is not other
        and all(" " not in tag for tag in other)
        and looks_like_tags(tuple(other))
        for one in lists
        for other in lists
    )


def _is_span_list(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(isinstance(item, dict) for item in value.values())
    if not isinstance(value, list) or not value:
        return False
    span = value[0]
    is_triple = isinstance(span, list) and len(span) == 3 and isinstance(span[0], int) and isinstance(span[1], int)
    return is_triple or (isinstance(span, dict) and any(name.startswith(("start", "begin")) for name in span))


def _is_choice_table(rows: Sequence[Row], names: list[str]) -> bool:
    has_options = bool(find_option_columns(names) or find_unnamed_options(rows, names)) or any(
        all(parse_option_list(row.get(name)) for row in rows[:20]) for name in names
    )
    columns = find_choice_columns(rows, "", "", "")
    if not has_options or columns.answer not in names or columns.question not in names:
        return False
    # from 0 or from 1
    answered = [
        parse_answer_index(row.get(columns.answer), options, 0) in range(len(options) + 1)
        for row in rows[:200]
        for options in [collect_options(row, columns.options)]
    ]
    return sum(answered) > 0.9 * len(answered)
