"""Personal data in presidio's synthetic texts: precision and recall by kind, beside datatrove's formatter.

A gold span counts as found when one of ours of the same kind covers it but for a character at either end; one of ours
that touches no gold span of its kind is a false alarm. datatrove's PIIFormatter knows e-mail and IPv4 addresses, and
says nothing of places: its counts are those of the gold strings that are gone, and of other changes.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from benchmarks.report import (
    Scale,
    installed,
    interleaved,
    print_result,
    print_table,
    print_versions,
    read_scale,
    spread,
)
from tasks.clean.pii.patterns import KINDS, PATTERNS
from tasks.clean.pii.redaction import Pii, find_personal_data, treat_texts

GOLD = {
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
}
DATA = Path(__file__).parents[2] / "shared" / "data"


def texts() -> list[dict[str, Any]]:
    """1,500 texts with gold spans."""
    with TemporaryDirectory() as folder:
        subprocess.run([DATA / "unpack.sh", folder, "presidio-synth"], check=True, stdout=subprocess.DEVNULL)
        rows: list[dict[str, Any]] = json.loads(next(Path(folder).glob("*/synth_dataset_v2.json")).read_text())
        return rows


SMOKE_VALUES = {
    "CREDIT_CARD": "4111 1111 1111 1111",
    "EMAIL_ADDRESS": "ada.lovelace@mail.analytical-engine.net",
    "IBAN_CODE": "DE89 3704 0044 0532 0130 00",
    "IP_ADDRESS": "84.17.45.9",
    "PHONE_NUMBER": "+49 30 901820",
}


def made_texts() -> list[dict[str, Any]]:
    """One text for each kind, in the form of presidio's."""
    begin = "Please note this for the next time: "
    return [
        {
            "full_text": f"{begin}{value}, thank you.",
            "spans": [{"entity_type": kind, "start_position": len(begin), "end_position": len(begin) + len(value)}],
        }
        for kind, value in SMOKE_VALUES.items()
    ]


def gold_of(row: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [
        (GOLD[span["entity_type"]], span["start_position"], span["end_position"])
        for span in row["spans"]
        if span["entity_type"] in GOLD
    ]


def judged(rows: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """For each kind: gold spans that were found and missed, and false alarms."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for row in rows:
        gold, places = gold_of(row), find_personal_data(row["full_text"], PATTERNS)
        for kind, start, stop in gold:
            hit = any(place.kind == kind and place.start <= start + 1 and place.stop >= stop - 1 for place in places)
            counts[kind]["found" if hit else "missed"] += 1
        for place in places:
            true = any(place.kind == kind and place.start < stop and start < place.stop for kind, start, stop in gold)
            counts[place.kind]["false"] += not true
    return counts


def judged_datatrove(rows: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """The same for e-mail and IP addresses, by whether the gold strings are gone."""
    from datatrove.pipeline.formatters import PIIFormatter

    counts = {"email": Counter[str](), "ip": Counter[str]()}
    for kind, formatter in (
        ("email", PIIFormatter(remove_ips=False, email_replacement="\0")),
        ("ip", PIIFormatter(remove_emails=False, ip_replacement="\0")),
    ):
        for row in rows:
            done = formatter.format(row["full_text"])
            gold = [row["full_text"][start:stop] for each, start, stop in gold_of(row) if each == kind]
            gone = sum(value not in done for value in gold)
            counts[kind].update(found=gone, missed=len(gold) - gone, false=done.count("\0") - gone)
    return counts


def share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def rates(counts: Counter[str]) -> tuple[float, float]:
    """Precision and recall."""
    hits = counts["found"]
    return share(hits, hits + counts["false"]), share(hits, hits + counts["missed"])


def main() -> None:
    scale = read_scale(__doc__)
    if scale is not Scale.SMOKE and not DATA.is_dir():
        sys.exit("benchmarks.pii needs the data set presidio-synth in ../shared/data")
    peer = installed("datatrove") is not None
    print_versions("polars", "datatrove")
    rows = made_texts() if scale is Scale.SMOKE else texts()[: 300 if scale is Scale.QUICK else None]
    ours, theirs = judged(rows), judged_datatrove(rows) if peer else {}
    gold = [kind for kind in KINDS if kind in GOLD.values()]
    table = []
    for kind in KINDS:
        precision, recall = rates(ours[kind])
        peers = "  ".join(f"{rate:.3f}" for rate in rates(theirs[kind])) if kind in theirs else "–"
        alarms = ours[kind]["false"]
        spans = ours[kind]["found"] + ours[kind]["missed"]
        known = (f"{precision:.3f}", f"{recall:.3f}") if kind in gold else ("–", "–")
        table.append((kind, spans, *known, alarms, peers))
    print_table(("kind", "gold spans", "precision", "recall", "false alarms", "datatrove: precision, recall"), table)
    column = pl.Series([row["full_text"] for row in rows])
    works: dict[str, Callable[[], object]] = {"textmill": lambda: treat_texts(column, Pii())}
    if peer:
        from datatrove.pipeline.formatters import PIIFormatter

        formatter = PIIFormatter()
        works["datatrove"] = lambda: [formatter.format(text) for text in column]
    seconds = {name: spread(times) for name, times in interleaved(9 if scale is Scale.FULL else 3, works).items()}
    print_table(("CPU-seconds", ""), [(name, str(times)) for name, times in seconds.items()])
    print("datatrove looks for two kinds, Textmill for seven")
    total = sum((ours[kind] for kind in KINDS), Counter[str]())
    precision, recall = rates(total)
    figures = {"precision": precision, "recall": recall}
    for kind in gold:
        figures[f"precision/{kind}"], figures[f"recall/{kind}"] = rates(ours[kind])
    ratios = {"datatrove": seconds["datatrove"].median / seconds["textmill"].median} if peer else {}
    print_result("pii", ratios, figures)


if __name__ == "__main__":
    main()
