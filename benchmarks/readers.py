"""Layouts of labelled data: how many are read as they are, or by the block that `textmill inspect` proposes.

    python -m benchmarks.readers [--quick | --smoke]

Each layout is written from templates of this file: a dialect of a table, JSON, an archive, an encoding, tags, dialogues
or a suite's folder. It counts as read when every example and every answer arrives, and nothing else does.

- layouts: how many were written
- read: read as they are (a kind and paths, no other setting), or by the proposed block
- refused_rightly: truly ambiguous ones that are refused, with the setting that decides in the message
"""

import csv
import gzip
import io
import json
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from benchmarks.report import Scale, print_result, print_table, print_versions, read_scale
from tasks.downstream.data.task_data import Task
from tasks.downstream.inspection.describe_data import describe_data
from tasks.downstream.inspection.proposals import SetProposal
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

Examples = set[tuple[str, str]]
"""Question and answer of every example, as the type of the task writes them"""

NOUNS = ("harbour", "violin", "orchard", "lantern", "glacier", "market", "kettle", "meadow", "bridge", "comet")
VERBS = ("shone", "was sold", "fell silent", "grew", "was painted", "vanished", "rang", "was repaired")
CLASSES = ("calm", "loud", "odd")
PLACES_ZH = ("港口", "果园", "市场", "山谷", "桥梁", "灯塔", "草地", "车站", "书店", "花园")
ENDS_ZH = ("很安静", "非常吵闹", "有点奇怪")
NUM_ROWS = 48


def make_texts(language: str = "en", count: int = NUM_ROWS) -> list[str]:
    """Sentences that all differ."""
    if language == "zh":
        return [
            f"第{number}天的{PLACES_ZH[number % 10]}{ENDS_ZH[number % 3]}，我们都这样说。" for number in range(count)
        ]
    return [
        f"On day {number} the old {NOUNS[number % 10]} {VERBS[number % 8]}, and we went home."
        for number in range(count)
    ]


def make_rows(language: str = "en") -> list[tuple[str, str]]:
    """Texts with their classes."""
    names = CLASSES if language == "en" else ("安静", "吵闹", "奇怪")
    return [(text, names[number % 3]) for number, text in enumerate(make_texts(language))]


@dataclass(frozen=True)
class Layout:
    """A layout on disk: what to give to `inspect`, and what must arrive."""

    name: str
    paths: list[Path]
    examples: Examples
    plain: dict[str, Any] = field(default_factory=dict)
    """kind and settings with nothing but paths; empty where a reader needs more"""
    setting: str = ""
    """of an ambiguous layout the setting that must be named"""
    reason: str = ""
    """why it is ambiguous"""


Writer = Callable[[Path], Layout]
LAYOUTS: dict[str, Writer] = {}


def layout(name: str) -> Callable[[Writer], Writer]:
    """Register a function that writes a layout into an empty folder."""

    def register(writer: Writer) -> Writer:
        LAYOUTS[name] = writer
        return writer

    return register


def write(path: Path, content: str | bytes) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def table(rows: list[Any], delimiter: str = "\t", header: str = "") -> str:
    """Rows as lines, quoted where a comma demands it."""
    out = io.StringIO()
    if delimiter == "\t":
        out.write("".join("\t".join(map(str, row)) + "\n" for row in rows))
    else:
        csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return (header + "\n" if header else "") + out.getvalue()


def labelled(name: str, paths: list[Path], rows: list[tuple[str, str]], **settings: Any) -> Layout:
    """A layout of labelled texts."""
    plain = {
        "labelled_text": {"train": str(paths[0]), **({"test": str(paths[1])} if len(paths) > 1 else {}), **settings}
    }
    return Layout(name, paths, set(rows), plain)


def json_lines(items: list[Any]) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


# --- tables of labelled texts --------------------------------------------------------------------------------------

Rows = list[tuple[str, str]]


def flip(rows: Rows) -> Rows:
    return [(label, text) for text, label in rows]


def make_objects(rows: Rows, text: str = "text", label: str = "label") -> list[dict[str, str]]:
    return [{text: row[0], label: row[1]} for row in rows]


def number_rows(rows: Rows) -> list[tuple[int, str, str, str]]:
    return [(number, f"u{number}", text, label) for number, (text, label) in enumerate(rows)]


# how the texts of some layouts differ from the others
CHANGED_TEXTS: dict[str, Callable[[str], str]] = {
    "tsv with unbalanced quotes": lambda text: '"' + text,
    "csv with a long field": lambda text: text + " x" * 100_000,
    "latin-1": lambda text: f"café déjà {text}",
}
HEADER = "text\tlabel"
TABLES: dict[str, tuple[str, Callable[[Rows], str | bytes]]] = {
    "tsv with a header": ("a.tsv", lambda rows: table(rows, header="sentence\tlabel")),
    "tsv without a header": ("a.tsv", table),
    "tsv, label first": ("a.tsv", lambda rows: table(flip(rows))),
    "tsv with unbalanced quotes": ("a.tsv", lambda rows: table(rows, header=HEADER)),
    "tsv with empty last lines": ("a.tsv", lambda rows: table(rows, header=HEADER) + "\n\n"),
    "csv with quotes": ("a.csv", lambda rows: table(rows, ",", "text,label")),
    "csv without a header": ("a.csv", lambda rows: table(rows, ",")),
    "csv with semicolons": ("a.csv", lambda rows: table(rows, ";", "review;sentiment")),
    "txt with bars": ("a.txt", lambda rows: table(flip(rows), "|", "class|text")),
    "csv with further columns": ("a.csv", lambda rows: table(number_rows(rows), ",", "id,user,text,label")),
    "csv with unknown names": ("a.csv", lambda rows: table(rows, ",", "alpha,omega")),
    "csv with a long field": ("a.csv", lambda rows: table(rows, ",", "text,label")),
    "latin-1": ("a.tsv", lambda rows: table(rows, header=HEADER).encode("latin-1")),
    "utf-16": ("a.tsv", lambda rows: table(rows, header=HEADER).encode("utf-16")),
    "utf-16 without a mark": ("a.tsv", lambda rows: table(rows, header=HEADER).encode("utf-16-be")),
    "utf-8 with a mark": ("a.csv", lambda rows: table(rows, ",", "text,label").encode("utf-8-sig")),
    "lines of Windows": ("a.tsv", lambda rows: table(rows, header=HEADER).replace("\n", "\r\n")),
    "fastText": ("a.txt", lambda rows: "".join(f"__label__{label} {text}\n" for text, label in rows)),
    "label text": ("a.txt", lambda rows: "".join(f"{label} {text}\n" for text, label in rows)),
    "text label": ("a.txt", lambda rows: "".join(f"{text} {label}\n" for text, label in rows)),
    "json lines": ("a.jsonl", lambda rows: json_lines(make_objects(rows))),
    "json lines in .json": ("a.json", lambda rows: json_lines(make_objects(rows, "content", "category"))),
    "one json list": ("a.json", lambda rows: json.dumps(make_objects(rows))),
    "json objects over lines": ("a.json", lambda rows: "".join(json.dumps(o, indent=2) for o in make_objects(rows))),
    "json in an envelope": ("a.json", lambda rows: json.dumps({"version": "1", "data": make_objects(rows)})),
    "json by name": ("a.json", lambda rows: json.dumps({f"d{n}": o for n, o in enumerate(make_objects(rows))})),
    "json by columns": (
        "a.json",
        lambda rows: json.dumps({"text": [text for text, _ in rows], "label": [label for _, label in rows]}),
    ),
    "json lists": ("a.json", lambda rows: json.dumps([[text, label] for text, label in rows])),
    "packed by gzip": ("a.tsv.gz", lambda rows: gzip.compress(table(rows, header=HEADER).encode())),
    "packed by xz": ("a.jsonl.xz", lambda rows: lzma.compress(json_lines(make_objects(rows)).encode())),
}


def register_tables() -> None:
    """Register the layouts of one file of labelled texts, which has no test file beside it."""
    for name, (file_name, render) in TABLES.items():

        def write_table(folder: Path, name: str = name, file_name: str = file_name, render: Any = render) -> Layout:
            change = CHANGED_TEXTS.get(name, str)
            rows = [(change(text), label) for text, label in make_rows()]
            return labelled(name, [write(folder / file_name, render(rows))], rows)

        LAYOUTS[name] = write_table


register_tables()


@layout("gb18030")
def write_gb18030(folder: Path) -> Layout:
    rows = make_rows("zh")
    paths = [write(folder / f"{part}.tsv", table(part_rows).encode("gb18030")) for part, part_rows in split(rows)]
    return labelled("gb18030", paths, rows)


def split(rows: list[Any]) -> list[tuple[str, list[Any]]]:
    """Rows in a training and a test part, both with every class."""
    return [("train", rows[: len(rows) * 3 // 4]), ("test", rows[len(rows) * 3 // 4 :])]


@layout("pairs with names of GLUE")
def write_pairs(folder: Path) -> Layout:
    rows = [
        (n, text, other, "same" if n % 2 else "different")
        for n, (text, other) in enumerate(zip(make_texts(), make_texts()[::-1], strict=True))
    ]
    path = write(folder / "pairs.tsv", table(rows, header="index\tsentence1\tsentence2\tlabel"))
    return labelled("pairs", [path], [(f"{text}\n{other}", label) for _, text, other, label in rows])


@layout("premise and hypothesis in train, dev and test")
def write_three_parts(folder: Path) -> Layout:
    texts = make_texts()
    rows = [
        {"premise": text, "hypothesis": texts[-n - 1], "gold_label": CLASSES[n % 3]} for n, text in enumerate(texts)
    ]
    for part, part_rows in (("train", rows[:30]), ("dev", rows[30:39]), ("test", rows[39:])):
        write(folder / "nli" / f"nli_{part}.jsonl", json_lines(part_rows))
    examples = {(f"{row['premise']}\n{row['hypothesis']}", row["gold_label"]) for row in rows}
    return Layout("parts", [folder / "nli"], examples)


@layout("a file a class")
def write_class_files(folder: Path) -> Layout:
    rows = [(text, "pos" if number % 2 else "neg") for number, text in enumerate(make_texts())]
    for label in ("pos", "neg"):
        lines = "".join(f"{text}\n" for text, row_label in rows if row_label == label)
        write(folder / "polarity" / f"rt-polarity.{label}", lines)
    return labelled("a file a class", [folder / "polarity"], rows)


@layout("a folder a class")
def write_classes(folder: Path) -> Layout:
    rows = make_rows()
    for number, (text, label) in enumerate(rows):
        write(folder / "news" / label / f"{number:03d}.txt", text)
    write(folder / "news" / "README", "Where it is from")
    return labelled("classes", [folder / "news"], rows)


@layout("a folder a class, in train and test")
def write_classes_in_parts(folder: Path) -> Layout:
    rows = make_rows()
    for part, part_rows in split(rows):
        for number, (text, label) in enumerate(part_rows):
            write(folder / "reviews" / part / label / f"{number}_7.txt", text)
    write(folder / "reviews" / "train" / "unsup" / "0_0.txt", "A text that nobody labelled.")
    return Layout("imdb", [folder / "reviews"], set(rows))


@layout("nested folders without suffixes")
def write_nested_classes(folder: Path) -> Layout:
    rows = [(text, f"{'rec' if label == 'calm' else 'sci'}/{label}") for text, label in make_rows()]
    for number, (text, label) in enumerate(rows):
        write(folder / "groups" / label / f"{10_000 + number}", text)
    return labelled("newsgroups", [folder / "groups"], rows)


def pack_folder(folder: Path, archive: Path) -> Path:
    """Pack a folder into .zip or .tar.gz."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(folder.rglob("*")):
                packed.write(path, path.relative_to(folder.parent))
            packed.writestr("__MACOSX/._x", b"\0\1")
    else:
        with tarfile.open(archive, "w:gz") as packed_tar:
            packed_tar.add(folder, folder.name)
    return archive


@layout("a zip of parts")
def write_zip(folder: Path) -> Layout:
    rows = make_rows()
    for part, part_rows in split(rows):
        write(folder / "mood" / f"{part}.tsv", table(part_rows, header="text\tlabel"))
    return Layout("zip", [pack_folder(folder / "mood", folder / "mood.zip")], set(rows))


@layout("a tar of a folder a class")
def write_tar(folder: Path) -> Layout:
    rows = make_rows()
    for number, (text, label) in enumerate(rows):
        write(folder / "bbc" / label / f"{number:03d}.txt", text)
    return Layout("tar", [pack_folder(folder / "bbc", folder / "bbc.tar.gz")], set(rows))


def write_columns(folder: Path, rows: list[tuple[str, str]], suffixes: tuple[str, str]) -> Path:
    """Write a file for each column of each part, whose lines correspond."""
    for part, part_rows in split(rows):
        for column, suffix in enumerate(suffixes):
            write(folder / f"{part}.{suffix}", "".join(f"{row[column]}\n" for row in part_rows))
    return folder


@layout("texts beside labels")
def write_parallel_labels(folder: Path) -> Layout:
    rows = make_rows()
    return Layout("parallel labels", [write_columns(folder / "intent", rows, ("txt", "label"))], set(rows))


@layout("a parquet file")
def write_parquet(folder: Path) -> Layout:
    rows = make_rows()
    path = folder / "mood.parquet"
    pl.DataFrame({"text": [text for text, _ in rows], "label": [label for _, label in rows]}).write_parquet(path)
    return labelled("parquet", [path], rows)


@layout("a few odd rows")
def write_odd_rows(folder: Path) -> Layout:
    rows = make_rows()
    path = write(folder / "odd.tsv", table(rows, header="text\tlabel") + "a line without a label\n")
    return Layout("odd", [path], set(rows))


@layout("a class of the test part only")
def write_unseen_class(folder: Path) -> Layout:
    rows = make_rows()
    write(folder / "rare_train.tsv", table(rows, header="text\tlabel"))
    extra = [("A text of its own kind.", "unseen"), *[(f"Again {text}", label) for text, label in rows[:6]]]
    write(folder / "rare_test.tsv", table(extra, header="text\tlabel"))
    return labelled("unseen", [folder / "rare_train.tsv", folder / "rare_test.tsv"], rows + extra)


# --- numbers, entities, relations -----------------------------------------------------------------------------------


@layout("numbers of pairs")
def write_numbers(folder: Path) -> Layout:
    texts = make_texts()
    rows = [(text, texts[-n - 1], round((n % 11) / 2.2, 2)) for n, text in enumerate(texts)]
    path = write(folder / "sim.csv", table(rows, ",", "sentence1,sentence2,score"))
    examples = {(f"{text}\n{other}", f"{number:.2f}") for text, other, number in rows}
    return Layout("numbers", [path], examples, {"similarity": {"train": str(path)}})


class TaggedWord(NamedTuple):
    """A word of a sentence, and its place in an entity of `length` words; no kind outside of entities."""

    text: str
    kind: str = ""
    place: int = 0
    length: int = 1

    @property
    def letter(self) -> str:
        """B, I or O."""
        return ("I" if self.place else "B") if self.kind else "O"

    @property
    def bio(self) -> str:
        """The tag in BIO."""
        return f"{self.letter}-{self.kind}" if self.kind else "O"

    def render_scheme(self, letters: str) -> str:
        """The tag in a scheme of five letters: begin, inside, outside, end, single."""
        begin, _, outside, end, single = list(letters)
        letter = single if self.length == 1 else end if self.place else begin
        return f"{letter}-{self.kind}" if self.kind else outside


SENTENCES = [
    [
        TaggedWord("Anna", "PER", 0, 2),
        TaggedWord("Lee", "PER", 1, 2),
        TaggedWord(f"left{n}"),
        TaggedWord("Rome", "LOC"),
        TaggedWord("today"),
    ]
    for n in range(40)
]
ENTITIES = "PER 1–2, LOC 4–4"


def join_words(sentence: list[TaggedWord]) -> str:
    return " ".join(word.text for word in sentence)


def write_tags(folder: Path, render: Callable[[TaggedWord], str]) -> Layout:
    """A CoNLL file whose lines `render` writes."""
    lines = "".join("".join(render(word) + "\n" for word in sentence) + "\n" for sentence in SENTENCES)
    path = write(folder / "names.conll", lines)
    examples = {(join_words(sentence), ENTITIES) for sentence in SENTENCES}
    return Layout("tags", [path], examples, {"tagging": {"train": str(path)}})


TAG_LAYOUTS: dict[str, Callable[[TaggedWord], str]] = {
    "conll, four columns": lambda word: f"{word.text} NN B-NP {word.bio}",
    "conll, lower case": lambda word: f"{word.text}\t{word.letter.lower()}{'-' + word.kind if word.kind else ''}",
    "conll, PER-B": lambda word: f"{word.text}\t{word.kind + '-' if word.kind else ''}{word.letter}",
    "conll, B_PER": lambda word: f"{word.text}\t{word.bio.replace('-', '_')}",
    "conll, BIOES": lambda word: f"{word.text}\t{word.render_scheme('BIOES')}",
    "conll, BMES": lambda word: f"{word.text}\t{word.render_scheme('BMOES')}",
    "conll, BILOU": lambda word: f"{word.text}\t{word.render_scheme('BIOLU')}",
    "conll, IOB1": lambda word: f"{word.text}\t{'I-' + word.kind if word.kind else 'O'}",
    "conll, bare types": lambda word: f"{word.text}\t{word.kind or 'O'}",
    "conll, tag first": lambda word: f"{word.bio}\t{word.text}",
    "conll, numbered words": lambda word: f"{word.place + 1}\t{word.text}\t_\t{word.bio}",
}


def register_tags() -> None:
    """Register the dialects of tags."""
    for name, render in TAG_LAYOUTS.items():

        def write_dialect(folder: Path, render: Any = render) -> Layout:
            return write_tags(folder, render)

        LAYOUTS[name] = write_dialect


register_tags()


@layout("conll with metadata and document marks")
def write_metadata(folder: Path) -> Layout:
    made = write_tags(folder, lambda word: f"{word.text} _ _ {word.bio}")
    path = made.paths[0]
    sentences = path.read_text().split("\n\n")
    marked = [f"# id 7{n} domain=en\n{sentence}" for n, sentence in enumerate(sentences) if sentence.strip()]
    path.write_text("-DOCSTART- -X- O O\n\n" + "\n\n".join(marked) + "\n\n")
    return made


@layout("conll without types")
def write_untyped(folder: Path) -> Layout:
    made = write_tags(folder, lambda word: f"{word.text}\t{word.letter}")
    return Layout("untyped", made.paths, {(text, "entity 1–2, entity 4–4") for text, _ in made.examples}, made.plain)


@layout("segmented words")
def write_segments(folder: Path) -> Layout:
    lines = "".join(f"长\tB\n江{n}\tM\n水\tE\n美\tS\n\n" for n in range(40))
    path = write(folder / "words.txt", lines)
    examples = {(f"长江{n}水美", "word 1–3, word 4–4") for n in range(40)}
    return Layout("segments", [path], examples, {"tagging": {"train": str(path)}})


@layout("words with blanks between tabs")
def write_words_with_blanks(folder: Path) -> Layout:
    made = write_tags(folder, lambda word: f"{word.text}{'' if word.kind else ' .'}\t{word.bio}")
    examples = {
        (" ".join(word.text + ("" if word.kind else " .") for word in sentence), ENTITIES) for sentence in SENTENCES
    }
    return Layout("blanks", made.paths, examples, made.plain)


@layout("lists of words and tags")
def write_tag_lists(folder: Path) -> Layout:
    items = [
        {"tokens": [word.text for word in sentence], "tags": [word.bio for word in sentence]} for sentence in SENTENCES
    ]
    path = write(folder / "names.jsonl", json_lines(items))
    examples = {(" ".join(item["tokens"]), ENTITIES) for item in items}
    return Layout("tag lists", [path], examples, {"tagging": {"train": str(path)}})


@layout("sentences beside their tags")
def write_parallel_tags(folder: Path) -> Layout:
    for part, sentences in split(SENTENCES):
        write(folder / "slots" / part / "seq.in", "".join(join_words(words) + "\n" for words in sentences))
        tags = (" ".join(word.bio for word in words) + "\n" for words in sentences)
        write(folder / "slots" / part / "seq.out", "".join(tags))
    return Layout("slots", [folder / "slots"], {(join_words(sentence), ENTITIES) for sentence in SENTENCES})


@layout("spans as lists")
def write_spans(folder: Path) -> Layout:
    items, examples = [], set()
    for sentence in SENTENCES:
        text = join_words(sentence)
        start = text.index("Rome")
        items.append({"text": text, "label": [[0, 8, "PER"], [start, start + 4, "LOC"]]})
        examples.add((text, ENTITIES))
    path = write(folder / "spans.jsonl", json_lines(items))
    return Layout("spans", [path], examples, {"tagging": {"train": str(path)}})


@layout("brat")
def write_brat(folder: Path) -> Layout:
    examples = set()
    for number, sentence in enumerate(SENTENCES):
        text = join_words(sentence)
        start = text.index("Rome")
        write(folder / "docs" / f"{number}.txt", text)
        write(folder / "docs" / f"{number}.ann", f"T1\tPER 0 8\tAnna Lee\nT2\tLOC {start} {start + 4}\tRome\n")
        examples.add((text, ENTITIES))
    return Layout("brat", [folder / "docs"], examples, {"tagging": {"train": str(folder / "docs")}})


@layout("relations of SemEval")
def write_semeval(folder: Path) -> Layout:
    text, examples = "", set()
    for number in range(40):
        label = ("Holds(e1,e2)", "Other")[number % 2]
        text += f'{number}\t"The <e1>cup{number}</e1> holds <e2>tea</e2>."\n{label}\nComment:\n\n'
        examples.add((f"The [cup{number}] holds [tea].", label))
    path = write(folder / "semeval.txt", text)
    return Layout("semeval", [path], examples, {"relation": {"train": str(path)}})


# --- questions, texts to write, zero-shot ---------------------------------------------------------------------------


@layout("SQuAD")
def write_squad(folder: Path) -> Layout:
    documents, examples = [], set()
    for number, text in enumerate(make_texts()):
        answer = NOUNS[number % 10]
        question = {
            "id": f"q{number}",
            "question": "What?",
            "answers": [{"text": answer, "answer_start": text.index(answer)}],
        }
        documents.append({"title": "t", "paragraphs": [{"context": text, "qas": [question]}]})
        start = max(0, text.index(answer) - 80)
        examples.add((f"What?\n…{text[start : start + 200]}…", answer))
    path = write(folder / "squad.json", json.dumps({"version": "1", "data": documents}))
    return Layout("squad", [path], examples, {"question_answering": {"train": str(path)}})


def dialogue_examples(dialogues: list[list[str]], context: int = 3) -> Examples:
    return {
        ("\n".join(turns[max(0, index - context) : index]), turns[index])
        for turns in dialogues
        for index in range(1, len(turns))
    }


DIALOGUES = [
    [f"Hello, is room {n} free?", f"It is, for {n} nights.", f"I take it for {n} then.", "Very well."]
    for n in range(30)
]
DIALOGUE_LAYOUTS: dict[str, tuple[str, Callable[[], str]]] = {
    "dialogues of SGD": (
        "dialogues_001.json",
        lambda: json.dumps([{"dialogue_id": f"{n}", "services": ["Hotels_1"], "turns": [
            {"speaker": ("USER", "SYSTEM")[i % 2], "utterance": text, "frames": []} for i, text in enumerate(turns)]}
            for n, turns in enumerate(DIALOGUES)]),
    ),
    "dialogues of MultiWOZ": (
        "data.json",
        lambda: json.dumps({f"SNG{n}.json": {"goal": {"message": ["You look for a room", "It is free"]}, "log": [
            {"text": text, "metadata": {}} for text in turns]} for n, turns in enumerate(DIALOGUES)}),
    ),
    "dialogues of KdConv": (
        "train.json",
        lambda: json.dumps([{"messages": [{"message": text, "attrs": []} for text in turns], "name": f"film {n}"}
            for n, turns in enumerate(DIALOGUES)]),
    ),
    "dialogues as lists": ("dialogues.json", lambda: json.dumps(DIALOGUES)),
    "dialogues of messages with roles": (
        "chat.jsonl",
        lambda: json_lines([{"messages": [
            {"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(turns)]}
            for turns in DIALOGUES]),
    ),
    "dialogues on lines": (
        "dialogues.txt",
        lambda: "".join(" __eou__ ".join(turns) + " __eou__\n" for turns in DIALOGUES),
    ),
}  # fmt: skip


def register_dialogues() -> None:
    """Register the layouts of dialogues."""
    for name, (file_name, render) in DIALOGUE_LAYOUTS.items():

        def write_dialogues(folder: Path, file_name: str = file_name, render: Any = render) -> Layout:
            path = write(folder / file_name, render())
            return Layout("dialogues", [path], dialogue_examples(DIALOGUES), {"text_to_text": {"train": str(path)}})

        LAYOUTS[name] = write_dialogues


register_dialogues()


@layout("dialogues in many files")
def write_dialogue_files(folder: Path) -> Layout:
    for number, turns in enumerate(DIALOGUES):
        part = "test" if number % 3 == 0 else "train"
        item = {"dialogue_id": f"{number}", "turns": [{"utterance": text} for text in turns]}
        write(folder / "sgd" / part / f"dialogues_{number:03d}.json", json.dumps([item]))
        write(folder / "sgd" / part / "schema.json", json.dumps([{"service_name": "x", "slots": [{"name": "a"}]}]))
    return Layout("dialogue files", [folder / "sgd"], dialogue_examples(DIALOGUES))


@layout("parallel files")
def write_parallel_texts(folder: Path) -> Layout:
    pairs = list(zip(make_texts(), make_texts("zh"), strict=True))
    return Layout("parallel", [write_columns(folder / "mt", pairs, ("en", "zh"))], set(pairs))


@layout("line pairs")
def write_line_pairs(folder: Path) -> Layout:
    pairs = list(zip(make_texts(), make_texts("zh"), strict=True))
    path = write(folder / "pairs.txt", table(pairs))
    return Layout("line pairs", [path], set(pairs), {"text_to_text": {"train": str(path)}})


@layout("documents and summaries")
def write_summaries(folder: Path) -> Layout:
    pairs = {(f"{text} {text}", f"Day {n}.") for n, text in enumerate(make_texts())}
    items = [{"id": n, "document": text, "summary": summary} for n, (text, summary) in enumerate(sorted(pairs))]
    path = write(folder / "sums.json", json.dumps(items))
    return Layout("summaries", [path], pairs, {"text_to_text": {"train": str(path)}})


@layout("minimal pairs in CSV")
def write_minimal_pairs(folder: Path) -> Layout:
    rows = [(f"The dog {n} runs.", f"The dog {n} run.") for n in range(30)]
    path = write(folder / "pairs.csv", table(rows, ",", "sentence_good,sentence_bad"))
    return Layout(
        "minimal pairs", [path], {("\n".join(row), "1") for row in rows}, {"minimal_pairs": {"path": str(path)}}
    )


CHOICES = [
    (
        f"What is {n} and {n}?",
        [*([f"{n * 2 + 1}", f"{n}", "none"][: n % 3]), f"{n * 2}", *([f"{n * 2 + 1}", f"{n}", "none"][n % 3 :])],
        n % 3,
    )
    for n in range(3, 33)
]
CHOICE_EXAMPLES = {("\n".join([f"{question} ", *options]), f"{right + 1}") for question, options, right in CHOICES}
CHOICE_LAYOUTS: dict[str, tuple[str, Callable[[], str]]] = {
    "choices in a list": (
        "quiz.jsonl",
        lambda: json_lines([{"question": q, "choices": o, "answer": r} for q, o, r in CHOICES]),
    ),
    "choices of ARC": (
        "arc.jsonl",
        lambda: json_lines([{"id": "x", "question": {"stem": q, "choices": [
            {"text": text, "label": "ABCD"[i]} for i, text in enumerate(o)]}, "answerKey": "ABCD"[r]}
            for q, o, r in CHOICES]),
    ),
    "choices of MMLU": ("quiz.csv", lambda: table([(q, *o, "ABCD"[r]) for q, o, r in CHOICES], ",")),
    "choices in columns": (
        "quiz.csv",
        lambda: table([(q, *o, r) for q, o, r in CHOICES], ",", "prompt,choice0,choice1,choice2,choice3,label"),
    ),
}  # fmt: skip


def register_choices() -> None:
    """Register the layouts of questions with options."""
    for name, (file_name, render) in CHOICE_LAYOUTS.items():

        def write_choices(folder: Path, file_name: str = file_name, render: Any = render) -> Layout:
            path = write(folder / file_name, render())
            return Layout("choices", [path], CHOICE_EXAMPLES, {"multiple_choice": {"path": str(path)}})

        LAYOUTS[name] = write_choices


register_choices()


@layout("a cloze of FewCLUE")
def write_cloze(folder: Path) -> Layout:
    words = ["一心一意", "三心二意", "半信半疑"]
    items = [{"id": n, "candidates": words, "content": f"第{n}次他#idiom#地看。", "answer": n % 3} for n in range(30)]
    path = write(folder / "cloze.json", json_lines(items))
    examples = {("\n".join([f"第{n}次他", *(f"{word}地看。" for word in words)]), f"{n % 3 + 1}") for n in range(30)}
    return Layout("cloze", [path], examples, {"multiple_choice": {"path": str(path)}})


@layout("a suite of zips that lacks a file")
def write_suite(folder: Path) -> Layout:
    rows = make_rows("zh")
    for name in ("tnews_public", "afqmc_public"):
        for part, part_rows in split(rows):
            if name == "tnews_public" or part == "train":
                write(
                    folder / "made" / name / f"{'dev' if part == 'test' else part}.json",
                    json_lines([{"label": c, "sentence": t} for t, c in part_rows]),
                )
        (folder / "clue").mkdir(exist_ok=True)
        pack_folder(folder / "made" / name, folder / "clue" / f"{name}.zip")
    return Layout("suite", [folder / "clue"], set(rows), {"suite": {"path": str(folder / "clue")}})


@layout("a tree of texts")
def write_tree(folder: Path) -> Layout:
    texts = make_texts(count=20)
    for number, text in enumerate(texts):
        write(folder / "books" / f"{'ab'[number % 2]}" / f"{number}.txt", text)
    write(folder / "books" / "cover.png", b"\x89PNG\0\0\0\0")
    plain = {"language_modelling": {"path": str(folder / "books")}}
    return Layout("tree", [folder / "books"], {(text, "") for text in texts}, plain)


# --- truly ambiguous ones ---------------------------------------------------------------------------------------------


@layout("two columns that may be the label")
def write_two_labels(folder: Path) -> Layout:
    rows = [(text, CLASSES[n % 3], ("red", "blue")[n % 2]) for n, text in enumerate(make_texts())]
    path = write(folder / "two.csv", table(rows, ",", "alpha,beta,gamma"))
    return Layout("two labels", [path], set(), setting="columns.label", reason="beta and gamma both look like classes")


@layout("two columns that may be the text")
def write_two_texts(folder: Path) -> Layout:
    rows = [
        (text, other, CLASSES[n % 3])
        for n, (text, other) in enumerate(zip(make_texts(), make_texts()[::-1], strict=True))
    ]
    path = write(folder / "texts.csv", table(rows, ",", "alpha,beta,label"))
    return Layout(
        "two texts",
        [path],
        set(),
        setting="columns.text",
        reason="alpha and beta are equally long texts: one, or a pair",
    )


@layout("several numbers without names")
def write_two_numbers(folder: Path) -> Layout:
    texts = make_texts()
    rows = [(text, texts[-n - 1], n / 7, (n % 5) / 3) for n, text in enumerate(texts)]
    path = write(folder / "numbers.csv", table(rows, ",", "sentence1,sentence2,alpha,beta"))
    return Layout("two numbers", [path], set(), setting="columns.number", reason="alpha and beta are both measures")


# ----------------------------------------------------------------------------------------------------------------------


def list_examples(tasks: list[Task]) -> Examples:
    """Questions and answers of all parts."""
    examples: Examples = set()
    for task in tasks:
        task_type = load_task_type(task)
        for rows in task.parts.values():
            examples |= {
                (task_type.format_question(row), task_type.format_truth(task, row))
                for row in rows.iter_rows(named=True)
            }
    return examples


def read_plainly(made: Layout) -> str:
    """Read with a kind and paths only: empty where all examples arrive, else what went wrong."""
    kind, settings = next(iter(made.plain.items()))
    name = {} if kind == "suite" else {"name": "made"}
    return compare(made, SetProposal(kind, name | settings).make_tasks)


def read_as_proposed(made: Layout) -> str:
    """Read by the block that `inspect` proposes: empty where all examples arrive, else what went wrong."""

    def make_tasks() -> list[Task]:
        proposal = describe_data(made.paths).proposal
        # as from the recipe: the block is read back from plain values
        return SetProposal(proposal.kind, json.loads(json.dumps(proposal.settings))).make_tasks()

    return compare(made, make_tasks)


def compare(made: Layout, make_tasks: Callable[[], list[Task]]) -> str:
    try:
        arrived = list_examples(make_tasks())
    except StageFailure as error:
        return str(error)
    if arrived == made.examples:
        return ""
    missing, extra = made.examples - arrived, arrived - made.examples
    return f"{len(missing)} examples are missing, {len(extra)} are others: {next(iter(extra or missing))!r}"


def judge(name: str, folder: Path) -> tuple[str, str]:
    """Write and read a layout: the verdict, and a remark."""
    folder.mkdir()
    made = LAYOUTS[name](folder)
    if made.setting:
        problem = read_as_proposed(made)
        is_right = made.setting in problem
        return ("refused rightly" if is_right else "WRONG"), made.reason if is_right else problem or "was read"
    plain = read_plainly(made) if made.plain else "not tried"
    proposed = read_as_proposed(made)
    if not plain or not proposed:
        ways = [way for way, problem in (("as it is", plain), ("by inspect", proposed)) if not problem]
        return "read", " and ".join(ways)
    return "NOT READ", proposed


def iterate_names(scale: Scale) -> Iterator[str]:
    """The layouts of a scale: all but for the smoke test, which has every tenth."""
    yield from list(LAYOUTS)[:: 10 if scale is Scale.SMOKE else 1]


def main() -> None:
    """Print each layout with its verdict, and the figures."""
    scale = read_scale(__doc__)
    print_versions("polars", "pyarrow")
    verdicts = []
    with tempfile.TemporaryDirectory() as root:
        for number, name in enumerate(iterate_names(scale)):
            verdicts.append((name, *judge(name, Path(root) / f"{number:02d}")))
    print_table(["layout", "verdict", "remark"], [(name, verdict, remark[:90]) for name, verdict, remark in verdicts])
    counts = {word: sum(verdict == word for _, verdict, _ in verdicts) for word in ("read", "refused rightly")}
    print(f"\n{counts['read']} of {len(verdicts)} are read; not read:")
    for name, verdict, remark in verdicts:
        if verdict != "read":
            print(f"- {name}: {verdict}, {remark[:300]}")
    figures = {"layouts": len(verdicts), "read": counts["read"], "refused_rightly": counts["refused rightly"]}
    print_result("readers", {}, figures)


if __name__ == "__main__":
    main()
