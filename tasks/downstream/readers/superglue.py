"""Files of SuperGLUE that are no tables: COPA, ReCoRD and WiC (arXiv:1905.00537)."""

from collections.abc import Iterator
from pathlib import Path

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.clue import ChoiceQuestion
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.errors import StageFailure
from tasks.input_files.json_objects import read_objects

PLACEHOLDER = "@placeholder"
HIGHLIGHT = "@highlight"
CONNECTIVES = {"cause": "because", "effect": "so"}
"""What COPA asks for → the word between premise and answer"""

MarkedExample = tuple[str, str, list[int], str]
"""Text, label, start and end of two spans, origin"""


def read_copa(path: Path, rejected: RejectedRows) -> Iterator[ChoiceQuestion]:
    """Yield the premises of a COPA file, continued by "because" or "so", with both alternatives as options.

    The row's question says which: it asks for the cause or the effect. What does not fit is an error, which `rejected`
    raises or counts.
    """
    for item, origin in read_objects(path, SETTING, on_broken=rejected.reject):
        try:
            word = CONNECTIVES[item["question"]]
            options = [_begin_small(item[name]) for name in ("choice1", "choice2")]
            right = (0, 1).index(item["label"])
            prompt = f"{item['premise'].strip().removesuffix('.')} {word} "
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            hint = "Give premise, choice1, choice2, the question cause or effect, and the label 0 or 1"
            rejected.reject(StageFailure(f"{origin}: not as in COPA ({type(error).__name__}: {error})", hint))
        else:
            yield prompt, options, right, origin


def _begin_small(sentence: str) -> str:
    """Return a sentence that goes on within another one."""
    is_pronoun = sentence.startswith(("I ", "I'"))
    return sentence if is_pronoun else sentence[:1].lower() + sentence[1:]


def read_record(path: Path, rejected: RejectedRows) -> Iterator[ChoiceQuestion]:
    """Yield the queries of a ReCoRD file as a cloze: the entities of the passage are the options for the placeholder.

    The prompt is the passage and the query up to the placeholder; an option is an entity and the rest of the query. Of
    several spellings of the right answer one is an option. What does not fit is an error, which `rejected` raises or
    counts.
    """
    for item, origin in read_objects(path, SETTING, on_broken=rejected.reject):
        try:
            text = item["passage"]["text"]
            # the end is the last character, not one past it
            spans = [(entity["start"], entity["end"] + 1) for entity in item["passage"]["entities"]]
            names = list(dict.fromkeys(text[start:end] for start, end in spans))
            passage = "\n".join(line for line in text.split("\n") if line.strip() != HIGHLIGHT)
            for query in item["qas"]:
                answers = {answer["text"] for answer in query["answers"]}
                before, mark, after = query["query"].partition(PLACEHOLDER)
                right = next((name for name in names if name in answers), None)
                if not mark or right is None or set(names) <= answers:
                    what = f"{origin}, {query['query'][:60]!r}: no placeholder, or no right and no wrong entity"
                    rejected.reject(StageFailure(what, "Correct the query, or its answers"))
                    continue
                options = [name for name in names if name == right or name not in answers]
                yield f"{passage}\n{before}", [name + after for name in options], options.index(right), origin
        except (KeyError, TypeError) as error:
            hint = "Give a passage with text and entities, and qas with query and answers"
            rejected.reject(StageFailure(f"{origin}: not as in ReCoRD ({type(error).__name__}: {error})", hint))


def read_wic(path: Path, rejected: RejectedRows, encoding: str = "") -> Iterator[MarkedExample]:
    """Yield the pairs of sentences of a WiC file as one text, with the word whose senses are compared marked in both.

    What does not fit is an error, which `rejected` raises or counts.
    """
    for item, origin in read_objects(path, SETTING, encoding, rejected.reject):
        try:
            first, second = item["sentence1"], item["sentence2"]
            spans = [(item["start1"], item["end1"]), (item["start2"], item["end2"])]
            label = str(item["label"])
            is_inside = all(
                0 <= start < end <= len(text) for (start, end), text in zip(spans, (first, second), strict=True)
            )
        except (KeyError, TypeError) as error:
            hint = (
                "Give sentence1, sentence2, label, and start and end of the word in both (start1, end1, start2, end2)"
            )
            rejected.reject(StageFailure(f"{origin}: not as in WiC ({type(error).__name__}: {error})", hint))
            continue
        if not is_inside:
            what = f"{origin}: the word lies outside of its sentence: {spans}"
            rejected.reject(StageFailure(what, "Correct start and end"))
            continue
        offset = len(first) + 1
        yield f"{first} {second}", label, [*spans[0], *(position + offset for position in spans[1])], origin
