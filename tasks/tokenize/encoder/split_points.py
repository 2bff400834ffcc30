"""Where a text may be cut so that its pieces, encoded one by one, give the ids of the whole.

A pre-tokenizer's pattern decides what is never merged across. From it follows between which classes of characters a
match always ends, whatever stands before and behind: there, and only there, a text is cut. A pipeline that is not one
of these is not cut at all.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, pre_tokenizers

Bytes = npt.NDArray[np.uint8]
OTHER = "other"
ANY = 1 << 30


class PretokenizerFamily(NamedTuple):
    """What is known of a pre-tokenizer, by classes of characters."""

    classes: tuple[tuple[str, str], ...]  # name and regular expression; disjoint, and what is in none is "other"
    cuts: tuple[tuple[str, str], ...]  # before a class, which classes may always be cut off
    # Of so many characters of one class at most the pre-tokenizer makes a single word: alone, and with a space before.
    words: tuple[tuple[str, int, int], ...] = ()


# Disjoint sets: 〇 is a number and a Han character, ⼀ a sign and a Han character.
LETTER, NUMBER = r"[[\p{L}\p{M}]&&[^\p{Han}]]", r"[\p{N}&&[^\p{Han}]]"
# What is never merged across: contractions, runs of Han (which have no spaces, so phrases become tokens), words with
# the space before them, numbers three digits at a time, signs, line ends, and indents apart from the word they precede.
SPLIT_PATTERN = (
    rf"'(?:[sdmt]|ll|ve|re)(?!{LETTER})|\p{{Han}}+| ?{LETTER}+| ?{NUMBER}{{1,3}}"
    r"| ?[^\s\p{L}\p{M}\p{N}\p{Han}]+|\s*\n|\s+(?!\S)|\s+"
)
# An apostrophe may begin a contraction; a blank may belong to the word behind it.
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
    (("letter", ANY, ANY), ("han", ANY, 0), ("number", 3, 3), (OTHER, ANY, ANY)),
)  # fmt: skip
# Radford et al., 2019; use_regex of the ByteLevel pre-tokenizer
GPT2 = PretokenizerFamily(
    (("letter", r"\p{L}"), ("number", r"\p{N}"), ("blank", r"\s"), ("'", "'")),
    (("letter", "number blank ' other"), ("number", "letter blank ' other"), (OTHER, "letter number blank"),
     ("'", "number blank")),
    (("letter", ANY, ANY), ("number", ANY, ANY), (OTHER, ANY, ANY)),
)  # fmt: skip
# GPT-4 and Llama 3, where a sign goes with the letters behind it and with the line ends
SIGN_JOINS = PretokenizerFamily(
    (("letter", r"\p{L}"), ("number", r"\p{N}"), ("line", r"[\r\n]"), ("blank", r"[\s&&[^\r\n]]"), ("'", "'")),
    (("letter", "number line blank ' other"), ("number", "letter line blank ' other"), (OTHER, "number blank"),
     ("'", "number blank")),
    (("letter", ANY, ANY), ("number", 1, 0), (OTHER, ANY, ANY)),
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
PATTERNS = {SPLIT_PATTERN: TEXTMILL, GPT4_PATTERN: SIGN_JOINS, GPT4_PATTERN.replace("{1,3}", ""): SIGN_JOINS}

# No class has a member between these, so they need not be looked at.
ASSIGNED = ((0, 0xD800), (0xE000, 0x33480), (0xE0000, 0xE0200))


def detect_family(pipeline: dict[str, Any]) -> PretokenizerFamily | None:
    """The family of a tokenizer, given as its JSON, or None when it is none that is known to be cut safely."""
    if any(not token["special"] for token in pipeline["added_tokens"]):
        return None  # they are found in the text before it is split, and may hold a cut
    normalizer, splitter = pipeline["normalizer"], pipeline["pre_tokenizer"] or {}
    if splitter.get("type") == "BertPreTokenizer" and normalizer and normalizer["type"] == "BertNormalizer":
        return BERT if normalizer["handle_chinese_chars"] and normalizer["clean_text"] else None
    if normalizer is not None:
        return None
    if splitter.get("type") == "ByteLevel":
        return GPT2 if splitter["use_regex"] and not splitter["add_prefix_space"] else None
    return PATTERNS.get(pattern_of(splitter))


def pattern_of(splitter: dict[str, Any]) -> str:
    """The pattern of a pre-tokenizer that splits by one and then maps bytes to characters, else nothing."""
    parts = splitter.get("pretokenizers", [])
    if [part["type"] for part in parts] != ["Split", "ByteLevel"]:
        return ""
    split, to_bytes = parts
    if split["behavior"] != "Isolated" or split["invert"] or to_bytes["use_regex"] or to_bytes["add_prefix_space"]:
        return ""
    return str(split["pattern"].get("Regex", ""))


class Tables(NamedTuple):
    """A family as arrays; class 0 is any other."""

    classes: Bytes  # of every code point
    cuts: npt.NDArray[np.bool_]  # [a, b]: whether b may be cut off an a before it
    words: npt.NDArray[np.int64]  # [class, 0]: most characters of a word, [class, 1]: with a space before


@functools.cache
def build_tables(family: PretokenizerFamily) -> Tables:
    """The tables of a family."""
    numbers = {name: number for number, (name, _) in enumerate(family.classes, 1)} | {OTHER: 0}
    cuts = np.zeros((len(numbers), len(numbers)), bool)
    for before, behind in family.cuts:
        cuts[numbers[before], [numbers[name] for name in behind.split()]] = True
    words = np.zeros((len(numbers), 2), np.int64)
    for name, alone, spaced in family.words:
        words[numbers[name]] = alone, spaced
    return Tables(classify_code_points(tuple(pattern for _, pattern in family.classes)), cuts, words)


@functools.cache
def classify_code_points(patterns: tuple[str, ...]) -> Bytes:
    """Which of the disjoint patterns, from 1, matches each code point, by the tokenizers' own regular expressions.

    Their tables of Unicode are not Python's.
    """
    found = np.zeros(0x110000, np.uint8)
    split = pre_tokenizers.Split(Regex("|".join(f"(?:{pattern})+" for pattern in patterns)), "isolated")
    for low, high in ASSIGNED:
        runs = [place for _, place in split.pre_tokenize_str("".join(map(chr, range(low, high))))]
        firsts = "".join(chr(low + begin) for begin, _ in runs)
        kinds = np.zeros(len(runs), np.uint8)
        for number, pattern in enumerate(patterns, 1):
            marked = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(firsts)
            there = np.ones(len(runs), bool)
            for _, (begin, end) in marked:
                there[begin:end] = False
            kinds[there] = number
        found[low:high] = np.repeat(kinds, [end - begin for begin, end in runs])
    return found
