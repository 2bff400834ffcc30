"""Texts with annotations beside them: NAME.txt and NAME.ann in brat's standoff format (brat.nlplab.org/standoff.html).

Text-bound annotations (T) and binary relations (R) are read; events, attributes, equivalences and notes are not asked
for. Offsets count characters of the .txt file, line ends included, and the end is past the last character.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path

from tasks.downstream.readers.spans import WORD, Entity, refuse, tags_of
from tasks.downstream.readers.table import Broken
from tasks.errors import BadSetting, StageFailure

ENTITY = re.compile(r"(?P<name>T\S*)\t(?P<kind>\S+) (?P<places>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")
RELATION = re.compile(r"R\S*\t(?P<kind>\S+) \w+:(?P<first>T\S*) \w+:(?P<second>T\S*)\s*")
OTHERS = re.compile(r"[EAMN*#]|$")
# a line, or a sentence within one: brat keeps whole documents, and a model reads sentences
BOUNDARY = re.compile(r"\s*\n\s*|(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9])|(?<=[。！？])")

Sentence = tuple[int, int]


@dataclass(frozen=True)
class Document:
    """A text with its entities, in their order, and its relations: kind, two entities, origin."""

    path: Path
    text: str
    entities: list[Entity]
    relations: list[tuple[str, Entity, Entity, str]]

    def sentences(self, uncut: list[Sentence]) -> list[Sentence]:
        """Where sentences begin and end; no boundary lies inside of the places `uncut`."""
        ends = [match.end() for match in BOUNDARY.finditer(self.text)]
        kept = [end for end in ends if not any(first < end < last for first, last in uncut)]
        return list(pairwise(sorted({0, *kept, len(self.text)})))

    def origin(self, place: int) -> str:
        """File and line of a character."""
        return f"{self.path}, line {self.text.count(chr(10), 0, place) + 1}"


def tagged_documents(folder: Path, unfit: Broken) -> Iterator[tuple[list[str], list[str], str]]:
    """Words, BIO tags and origin of every sentence.

    Raises StageFailure for an entity that tags cannot say: one of several pieces, one that shares a word with a longer
    one, one without a word. With a list to put these into, they are left out.
    """
    for document in documents_of(folder):
        words = list(WORD.finditer(document.text))
        tags = tags_of(words, document.entities, unfit)
        for start, end in document.sentences([(each.start, each.end) for each in document.entities]):
            inside = [number for number, word in enumerate(words) if start <= word.start() < end]
            if inside:
                first, last = inside[0], inside[-1] + 1
                yield [word[0] for word in words[first:last]], tags[first:last], document.origin(words[first].start())


def related_documents(folder: Path, no_relation: str, unfit: Broken) -> Iterator[tuple[str, str, list[int], str]]:
    """Text, relation, both spans (start, end, start, end) and origin of every relation.

    The text is the sentence that holds both entities, or all from the one's to the other's. With `no_relation` also
    the ordered pairs of one sentence that no relation joins, as this class. Raises StageFailure for an entity of
    several pieces; with a list to put these into, what has them is left out.
    """
    for document in documents_of(folder):
        sentences = document.sentences([(each.start, each.end) for each in document.entities])
        joined = [(kind, first, second) for kind, first, second, _ in document.relations if whole(first, second, unfit)]
        pairs = {(first, second) for _, first, second in joined} | {(second, first) for _, first, second in joined}
        if no_relation:
            for start, end in sentences:
                inside = [each for each in document.entities if start <= each.start < end and each.pieces == 1]
                joined += [(no_relation, *pair) for pair in permutations(inside, 2) if pair not in pairs]
        for kind, first, second in joined:
            start = max(begin for begin, _ in sentences if begin <= min(first.start, second.start))
            end = min(stop for _, stop in sentences if stop >= max(first.end, second.end))
            places = [place - start for each in (first, second) for place in (each.start, each.end)]
            yield document.text[start:end].rstrip(), kind, places, document.origin(start)


def whole(first: Entity, second: Entity, unfit: Broken) -> bool:
    """Whether both are of one piece; StageFailure, or noted, otherwise."""
    torn = next((each for each in (first, second) if each.pieces > 1), None)
    if torn is not None:
        refuse(torn, "is of several pieces", unfit)
    return torn is None


def documents_of(path: Path) -> Iterator[Document]:
    """All documents of a folder and below, or the one of a .txt file. Raises StageFailure that names file and line."""
    if not path.exists():
        raise BadSetting(f"{path} does not exist", "Correct the path in evaluate.benchmarks")
    texts = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not texts:
        raise StageFailure(f"{path} holds no .txt file", "Give a folder of brat's .txt and .ann files")
    for lone in sorted(each for each in path.rglob("*.ann") if not each.with_suffix(".txt").is_file()):
        raise StageFailure(f"{lone} has no {lone.stem}.txt beside it", "Add the text, or take the annotations out")
    for text in texts:
        yield document_of(text)


def document_of(path: Path) -> Document:
    """A text and what the .ann file beside it says."""
    beside = path.with_suffix(".ann")
    if not beside.is_file():
        raise StageFailure(f"{path} has no {beside.name} beside it", "Add it, empty where nothing is annotated")
    text = characters(path)
    entities: dict[str, Entity] = {}
    joined = []
    for number, line in enumerate(characters(beside).replace("\r\n", "\n").split("\n"), start=1):
        origin = f"{beside}, line {number}"
        if match := ENTITY.fullmatch(line):
            entities[match["name"]] = entity_of(match, text, path, origin)
        elif match := RELATION.fullmatch(line):
            joined.append((match["kind"], match["first"], match["second"], origin))
        elif not OTHERS.match(line):
            raise StageFailure(f"{origin}: neither an entity nor a relation: {line[:60]!r}", "Correct the line")
    relations = []
    for kind, first, second, origin in joined:
        for name in (first, second):
            if name not in entities:
                raise StageFailure(f"{origin}: there is no entity {name}", "Correct the line, or add the entity")
        relations.append((kind, entities[first], entities[second], origin))
    return Document(path, text, sorted(entities.values(), key=lambda each: (each.start, each.end)), relations)


def entity_of(match: re.Match[str], text: str, path: Path, origin: str) -> Entity:
    """What a line says; pieces with nothing but blanks between them are one, as brat cuts entities at line ends."""
    pieces = sorted((int(start), int(end)) for start, end in map(str.split, match["places"].split(";")))
    for start, end in pieces:
        if not 0 <= start < end <= len(text):
            what = f"{origin}: the span {start}–{end} lies outside of {path.name}, which has {len(text):,} characters"
            raise StageFailure(what, "Correct the span")
    there, said = " ".join(text[start:end] for start, end in pieces).split(), (match["text"] or "").split()
    if said and there != said:
        what = f"{origin}: at that place of {path.name} stands {' '.join(there)!r}, not {' '.join(said)!r}"
        raise StageFailure(what, "Correct the span: it counts characters from 0, line ends included")
    gaps = sum(bool(text[end:start].strip()) for (_, end), (start, _) in pairwise(pieces))
    return Entity(pieces[0][0], pieces[-1][1], match["kind"], origin, pieces=1 + gaps)


def characters(path: Path) -> str:
    """The file as it is: a line end of two characters counts two."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error
