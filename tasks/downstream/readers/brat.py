"""Texts with annotations beside them: NAME.txt and NAME.ann in brat's standoff format (brat.nlplab.org/standoff.html).

Text-bound annotations (T) and binary relations (R) are read; events, attributes, equivalences and notes are ignored.
Offsets count characters of the .txt file, line ends included, and the end is past the last character.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.spans import WORD, EntitySpan, reject_entity, tag_words
from tasks.errors import BadSetting, StageFailure
from tasks.input_files.data_paths import is_data_file, is_data_folder, list_data_files, read_data_text

ENTITY = re.compile(r"(?P<name>T\S*)\t(?P<kind>\S+) (?P<positions>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")
RELATION = re.compile(r"R\S*\t(?P<kind>\S+) \w+:(?P<first>T\S*) \w+:(?P<second>T\S*)\s*")
IGNORED_LINE = re.compile(r"[EAMN*#]|$")
# The end of a line, or of a sentence within it: brat stores whole documents, and models read sentences.
BOUNDARY = re.compile(r"\s*\n\s*|(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9])|(?<=[。！？])")

CharacterSpan = tuple[int, int]
"""First character, one past the last"""


@dataclass(frozen=True)
class AnnotatedDocument:
    """A text with its entities, in their order, and its relations: type, two entities, origin."""

    path: Path
    text: str
    entities: list[EntitySpan]
    relations: list[tuple[str, EntitySpan, EntitySpan, str]]

    def split_sentences(self) -> list[CharacterSpan]:
        """Return the spans of the sentences; none ends inside of an entity."""
        ends = [match.end() for match in BOUNDARY.finditer(self.text)]
        # A full stop inside an entity, as in an abbreviation, ends no sentence.
        kept = [end for end in ends if not any(entity.start < end < entity.end for entity in self.entities)]
        return list(pairwise(sorted({0, *kept, len(self.text)})))

    def find_origin(self, position: int) -> str:
        """Return the file and the line of a character."""
        return f"{self.path}, line {self.text.count(chr(10), 0, position) + 1}"


def read_tagged_documents(folder: Path, rejected: RejectedRows) -> Iterator[tuple[list[str], list[str], str]]:
    """Yield words, BIO tags and origin of every sentence.

    Raises StageFailure for an entity that tags cannot express: one of several pieces, one that shares a word with a
    longer one, one without a word; `rejected` may have them skipped and counted.
    """
    for document in read_documents(folder, rejected):
        # tagged as a whole and then divided, so that an entity is tagged once
        words = list(WORD.finditer(document.text))
        tags = tag_words(words, document.entities, rejected)
        for start, end in document.split_sentences():
            inside = [index for index, word in enumerate(words) if start <= word.start() < end]
            if inside:
                first, last = inside[0], inside[-1] + 1
                yield (
                    [word[0] for word in words[first:last]],
                    tags[first:last],
                    document.find_origin(words[first].start()),
                )


def read_related_documents(
    folder: Path, no_relation: str, rejected: RejectedRows
) -> Iterator[tuple[str, str, list[int], str]]:
    """Yield text, relation, both spans (start, end, start, end) and origin of every relation.

    The text is the sentence that contains both entities, or all sentences from one entity to the other. With
    `no_relation` the ordered pairs of one sentence that have no relation follow as examples of this class. Raises
    StageFailure for an entity of several pieces; `rejected` may have its relations skipped and counted.
    """
    for document in read_documents(folder, rejected):
        sentences = document.split_sentences()
        examples = [
            (kind, first, second)
            for kind, first, second, _ in document.relations
            if check_contiguous(first, second, rejected)
        ]
        # both directions: a pair with a relation one way is no example without a relation the other way
        related = {(first, second) for _, first, second in examples} | {
            (second, first) for _, first, second in examples
        }
        if no_relation:
            for start, end in sentences:
                inside = [entity for entity in document.entities if start <= entity.start < end and entity.pieces == 1]
                examples += [(no_relation, *pair) for pair in permutations(inside, 2) if pair not in related]
        # from the start of the sentence of the first entity to the end of the sentence of the last one
        for kind, first, second in examples:
            start = max(begin for begin, _ in sentences if begin <= min(first.start, second.start))
            end = min(stop for _, stop in sentences if stop >= max(first.end, second.end))
            # Offsets in the document become offsets in the example's text.
            positions = [position - start for entity in (first, second) for position in (entity.start, entity.end)]
            yield document.text[start:end].rstrip(), kind, positions, document.find_origin(start)


def check_contiguous(first: EntitySpan, second: EntitySpan, rejected: RejectedRows) -> bool:
    """Return whether both entities are of one piece. Otherwise `rejected` raises or counts it."""
    torn = next((entity for entity in (first, second) if entity.pieces > 1), None)
    if torn is not None:
        reject_entity(torn, "is of several pieces", rejected)
    return torn is None


def read_documents(path: Path, rejected: RejectedRows) -> Iterator[AnnotatedDocument]:
    """Yield the documents of a folder and its subfolders, or the one of a .txt file.

    A line that does not fit, and a file without its partner, is an error, which `rejected` raises or counts. Raises
    StageFailure for a path that does not exist, and a folder without texts.
    """
    if not is_data_file(path) and not is_data_folder(path):
        raise BadSetting(f"{path} does not exist", "Correct the path in evaluate.benchmarks")
    files = list_data_files(path) if is_data_folder(path) else [path]
    texts = [file for file in files if file.suffix == ".txt" or file == path]
    if not texts:
        raise StageFailure(f"{path} holds no .txt file", "Give a folder of brat's .txt and .ann files")
    for annotations in (file for file in files if file.suffix == ".ann"):
        if annotations.with_suffix(".txt") not in files:
            what = f"{annotations} has no {annotations.stem}.txt beside it"
            rejected.reject(StageFailure(what, "Add the text, or take the annotations out"))
    for text in texts:
        annotations = text.with_suffix(".ann")
        if is_data_file(annotations):
            yield read_document(text, annotations, rejected)
        else:
            what = f"{text} has no {annotations.name} beside it"
            rejected.reject(StageFailure(what, "Add it, empty where nothing is annotated"))


def read_document(path: Path, annotations: Path, rejected: RejectedRows) -> AnnotatedDocument:
    """Return a text with its annotations. A line that does not fit is an error, which `rejected` raises or counts."""
    text = read_data_text(path, SETTING)
    entities: dict[str, EntitySpan] = {}
    relation_lines = []
    # split and not splitlines: the latter also splits at characters such as U+2028.
    for number, line in enumerate(read_data_text(annotations, SETTING).replace("\r\n", "\n").split("\n"), start=1):
        origin = f"{annotations}, line {number}"
        if match := ENTITY.fullmatch(line):
            try:
                entities[match["name"]] = parse_entity(match, text, path, origin)
            except StageFailure as error:
                rejected.reject(error)
        elif match := RELATION.fullmatch(line):
            relation_lines.append((match["kind"], match["first"], match["second"], origin))
        elif not IGNORED_LINE.match(line):
            what = f"{origin}: neither an entity nor a relation: {line[:60]!r}"
            rejected.reject(StageFailure(what, "Correct the line"))
    # a relation may precede its entities in the file
    relations = []
    for kind, first, second, origin in relation_lines:
        missing = next((name for name in (first, second) if name not in entities), None)
        if missing is not None:
            what = f"{origin}: there is no entity {missing}"
            rejected.reject(StageFailure(what, "Correct the line, or add the entity"))
            continue
        relations.append((kind, entities[first], entities[second], origin))
    ordered = sorted(entities.values(), key=lambda entity: (entity.start, entity.end))
    return AnnotatedDocument(path, text, ordered, relations)


def parse_entity(match: re.Match[str], text: str, path: Path, origin: str) -> EntitySpan:
    """Return the entity of an annotation line. Raises StageFailure for a span that is not in the text as annotated.

    Pieces with nothing but whitespace between them count as one, as brat divides entities at line ends.
    """
    pieces = sorted((int(start), int(end)) for start, end in map(str.split, match["positions"].split(";")))
    for start, end in pieces:
        if not 0 <= start < end <= len(text):
            message = (
                f"{origin}: the span {start}–{end} lies outside of {path.name}, which has {len(text):,} characters"
            )
            raise StageFailure(message, "Correct the span")
    # Compared by words, since brat writes line ends inside an entity as spaces.
    words = " ".join(text[start:end] for start, end in pieces).split()
    annotated_words = (match["text"] or "").split()
    if annotated_words and words != annotated_words:
        message = f"{origin}: the text of {path.name} there is {' '.join(words)!r}, not {' '.join(annotated_words)!r}"
        raise StageFailure(message, "Correct the span: it counts characters from 0, line ends included")
    # only text between two pieces divides an entity
    gaps = sum(bool(text[end:start].strip()) for (_, end), (start, _) in pairwise(pieces))
    return EntitySpan(pieces[0][0], pieces[-1][1], match["kind"], origin, pieces=1 + gaps)
