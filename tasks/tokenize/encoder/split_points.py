"""Split points: positions where a text may be split, so that its parts, encoded one by one, give the ids of the whole.

A pre-tokenizer's pattern decides what is never merged across. From it follows between which classes of characters a
match always ends, whatever stands before and behind: there, and only there, a text is split. The texts of a tokenizer
that is not of one of these families are not split at all.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Regex, pre_tokenizers

from tasks.runtime.array_types import Bytes, Flags
from tasks.tokenize.encoder.array_types import Ints

OTHER = "other"
UNLIMITED = 1 << 30


class PretokenizerFamily(NamedTuple):
    """Pre-tokenizers that split alike, described by classes of characters."""

    classes: tuple[tuple[str, str], ...]  # name and regular expression; disjoint, and a character of none is "other"
    splits: tuple[tuple[str, str], ...]  # a class, and the classes that may always be split off behind it
    # a class, and the most characters of it that surely are a single word: alone, and with a space before
    words: tuple[tuple[str, int, int], ...] = ()


# Disjoint sets: 〇 is a number and a Han character, ⼀ a sign and a Han character.
LETTER, NUMBER = r"[[\p{L}\p{M}]&&[^\p{Han}]]", r"[\p{N}&&[^\p{Han}]]"
# Words, which tokens never cross: contractions, runs of Han (which have no spaces, so phrases become tokens), words
# with the space before them, numbers three digits at a time, signs, line ends, and indents up to the word behind them.
SPLIT_PATTERN = (
    rf"'(?:[sdmt]|ll|ve|re)(?!{LETTER})|\p{{Han}}+| ?{LETTER}+| ?{NUMBER}{{1,3}}"
    r"| ?[^\s\p{L}\p{M}\p{N}\p{Han}]+|\s*\n|\s+(?!\S)|\s+"
)
# An apostrophe may begin a contraction; a blank may belong to the word behind it.
# A run of Han takes no space before it, and a run of more than three digits is several words.
TEXTMILL = PretokenizerFamily(
    (("han", r"\p{Han}"), ("letter", LETTER), ("number", NUMBER), ("line", r"\n"), ("blank", r"[\s&&[^\n]]"),
     ("'", "'")),
    (
        ("letter", "han number line blank ' other"),
        ("han", "letter number line blank ' other"),
        ("number", "letter han line blank ' other"),
        (OTHER, "letter han number line blank"),
        ("'", "han number line blank"),
        ("line", "letter han number ' other"),
    ),
    (("letter", UNLIMITED, UNLIMITED), ("han", UNLIMITED, 0), ("number", 3, 3), (OTHER, UNLIMITED, UNLIMITED)),
)  # fmt: skip
# Radford et al., 2019; use_regex of the ByteLevel pre-tokenizer
GPT2 = PretokenizerFamily(
    (("letter", r"\p{L}"), ("number", r"\p{N}"), ("blank", r"\s"), ("'", "'")),
    (("letter", "number blank ' other"), ("number", "letter blank ' other"), (OTHER, "letter number blank"),
     ("'", "number blank")),
    (("letter", UNLIMITED, UNLIMITED), ("number", UNLIMITED, UNLIMITED), (OTHER, UNLIMITED, UNLIMITED)),
)  # fmt: skip
# GPT-4 and Llama 3, where a sign goes with the letters behind it and with the line ends
# Of numbers only one digit is sure, and without a space: one pattern takes up to three, the other one at a time.
SIGN_JOINS = PretokenizerFamily(
    (("letter", r"\p{L}"), ("number", r"\p{N}"), ("line", r"[\r\n]"), ("blank", r"[\s&&[^\r\n]]"), ("'", "'")),
    (("letter", "number line blank ' other"), ("number", "letter line blank ' other"), (OTHER, "number blank"),
     ("'", "number blank")),
    (("letter", UNLIMITED, UNLIMITED), ("number", 1, 0), (OTHER, UNLIMITED, UNLIMITED)),
)  # fmt: skip
# Devlin et al., 2019: characters of its own list of blocks (one does begin at 2B920) and punctuation stand alone, and
# blanks vanish.
BERT_HAN = (
    r"[\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF"
    r"\x{20000}-\x{2A6DF}\x{2A700}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{2F800}-\x{2FA1F}]"
)
BERT_SIGN = r"[!-/:-@\[-`{-~。，、！？；：“”‘’（）《》「」…]"
BERT = PretokenizerFamily(
    (("word", "[A-Za-z0-9]"), ("blank", r"[ \t\r\n\u3000]"), ("sign", BERT_SIGN), ("han", BERT_HAN)),
    (("word", "blank sign han"), ("sign", "word blank sign han"), ("han", "word blank sign han other"),
     (OTHER, "blank sign han"), ("blank", "han")),
)  # fmt: skip
GPT4_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
FAMILY_BY_PATTERN = {SPLIT_PATTERN: TEXTMILL, GPT4_PATTERN: SIGN_JOINS, GPT4_PATTERN.replace("{1,3}", ""): SIGN_JOINS}

# No class has a member outside these ranges, so the other code points need not be looked at.
ASSIGNED_RANGES = ((0, 0xD800), (0xE000, 0x33480), (0xE0000, 0xE0200))


def detect_family(pipeline: dict[str, Any]) -> PretokenizerFamily | None:
    """Return the family of a tokenizer, given as its JSON; None when it is of none, so that its texts are not split."""
    if any(not token["special"] for token in pipeline["added_tokens"]):
        return None  # such tokens are found in the text before it is split, and may hold a split point
    normalizer, splitter = pipeline["normalizer"], pipeline["pre_tokenizer"] or {}
    if splitter.get("type") == "BertPreTokenizer" and normalizer and normalizer["type"] == "BertNormalizer":
        return BERT if normalizer["handle_chinese_chars"] and normalizer["clean_text"] else None
    if normalizer is not None:
        return None
    if splitter.get("type") == "ByteLevel":
        return GPT2 if splitter["use_regex"] and not splitter["add_prefix_space"] else None
    return FAMILY_BY_PATTERN.get(read_split_pattern(splitter))


def read_split_pattern(splitter: dict[str, Any]) -> str:
    """Return the pattern of a pre-tokenizer that splits by one and then maps bytes to characters, "" of any other."""
    steps = splitter.get("pretokenizers", [])
    if [step["type"] for step in steps] != ["Split", "ByteLevel"]:
        return ""
    split, to_bytes = steps
    if split["behavior"] != "Isolated" or split["invert"] or to_bytes["use_regex"] or to_bytes["add_prefix_space"]:
        return ""
    return str(split["pattern"].get("Regex", ""))


class FamilyTables(NamedTuple):
    """A family as arrays for kernels; class 0 is "other"."""

    classes: Bytes  # of every code point
    splits: Flags  # [a, b]: whether a text may be split between an a and a b behind it
    words: Ints  # [class, 0]: most characters of a single word, [class, 1]: with a space before


@functools.cache
def build_tables(family: PretokenizerFamily) -> FamilyTables:
    """Build the tables of a family."""
    class_index = {name: index for index, (name, _) in enumerate(family.classes, 1)} | {OTHER: 0}
    splits = np.zeros((len(class_index), len(class_index)), bool)
    for before, behind in family.splits:
        splits[class_index[before], [class_index[name] for name in behind.split()]] = True
    words = np.zeros((len(class_index), 2), np.int64)
    for name, alone, with_space in family.words:
        words[class_index[name]] = alone, with_space
    return FamilyTables(classify_code_points(tuple(pattern for _, pattern in family.classes)), splits, words)


@functools.cache
def classify_code_points(patterns: tuple[str, ...]) -> Bytes:
    """Return for each code point the number, from 1, of the one of the disjoint patterns that matches it; else 0.

    The tokenizers' own regular expressions decide, because their tables of Unicode are not Python's. To match a million
    code points one by one would take minutes: so each range is split into runs of one class, and only the first
    character of each run is matched against every pattern.
    """
    classes = np.zeros(0x110000, np.uint8)
    # characters of no class come as the spans between the matches, and keep class 0
    split = pre_tokenizers.Split(Regex("|".join(f"(?:{pattern})+" for pattern in patterns)), "isolated")
    for low, high in ASSIGNED_RANGES:
        runs = [span for _, span in split.pre_tokenize_str("".join(map(chr, range(low, high))))]
        first_characters = "".join(chr(low + start) for start, _ in runs)
        run_classes = np.zeros(len(runs), np.uint8)
        for index, pattern in enumerate(patterns, 1):
            # "removed" returns the spans that the pattern does not match
            unmatched = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(first_characters)
            is_match = np.ones(len(runs), bool)
            for _, (start, end) in unmatched:
                is_match[start:end] = False
            run_classes[is_match] = index
        classes[low:high] = np.repeat(run_classes, [end - start for start, end in runs])
    return classes
