from pathlib import Path

from tasks.evaluate.report.provenance import (
    describe_crawl,
    draw_training_curves,
    format_counts,
    list_ancestors,
    list_funnel_steps,
    list_incomplete_ancestors,
    load_loss_curve,
)

LINEAGE = [
    {"stage": "crawl", "key": "c1", "digest": "d" * 64, "settings": {"seed": 1}, "counts": {"pages": 50}},
    {"stage": "crawl", "key": "c2", "digest": "e" * 64, "settings": {"seed": 2}, "counts": {"pages": 50}},
    {
        "stage": "clean",
        "counts": {
            "documents": 90,
            "kept": 70,
            "failed": {"empty": 10},
            "dropped": {"word_count": 15, "stop_words": 5},
        },
    },
    {"stage": "dedup", "counts": {"documents": 70, "exact": 4, "near": 6, "kept": 60}},
    {"stage": "tokenize", "counts": {"documents": {"train": 50, "validation": 4, "heldout": 6}}},
]


def test_the_funnel_sums_snapshots_and_names_what_was_lost() -> None:
    assert list_funnel_steps(LINEAGE) == [
        ("pages fetched", 100, ""),
        ("documents", 90, "no text: empty 10"),
        ("after clean", 70, "dropped: word count 15, stop words 5"),
        ("after dedup", 60, "duplicates: near 6, exact 4"),
        ("training documents", 50, "set aside: heldout 6, validation 4"),
    ]


def test_missing_counts_are_left_out() -> None:
    assert list_funnel_steps([]) == []
    assert [name for name, _, _ in list_funnel_steps(LINEAGE[3:4])] == ["after dedup"]
    assert list_funnel_steps([{"stage": "tokenize", "counts": {}}]) == []


def test_what_the_crawls_met() -> None:
    first = {
        "statuses": {"200": 40, "404": 2},
        "skipped": {"refused by robots.txt": 3},
        "changes": {"new": 40},
        "hosts": {"a.org": {"pages": 30, "bytes": 9}, "b.org": {"pages": 10, "bytes": 9}},
        "queues": {"a.org": 7},
        "bytes": 2_500_000,
        "pages_per_second": 12.5,
    }
    second = {"statuses": {"200": 1, "unchanged": 39}, "changes": {"unchanged": 39, "gone": 1}, "bytes": 0}
    lineage = [{"stage": "crawl", "counts": first}, {"stage": "crawl", "counts": second}, *LINEAGE[2:]]
    assert describe_crawl(lineage) == [
        ("responses by status", "200 41, unchanged 39, 404 2"),
        ("not stored", "refused by robots.txt 3"),
        ("since the previous snapshot", "new 40, unchanged 39, gone 1"),
        ("pages by host", "a.org 30, b.org 10"),
        ("waiting URLs by host", "a.org 7"),
        ("payload", "2.5 MB"),
        ("pages per second", "12.5"),
    ]
    assert describe_crawl([]) == []


def test_small_counts_are_summed_up() -> None:
    assert format_counts({"a": 9, "b": 8, "c": 1, "d": 2, "zero": 0}, max_names=2) == "a 9, b 8, other 3"


def test_a_broken_line_does_not_spoil_the_curve(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"step": 1, "loss": 3}\nnot json\n[1]\n{"loss": 1}\n{"step": 2, "loss": 2, "validation_loss": 2.5}\n'
    )
    curve = load_loss_curve(path)
    assert curve.training == [(1.0, 3.0), (2.0, 2.0)]
    assert curve.validation == [(2.0, 2.5)]
    assert load_loss_curve(tmp_path / "none").training == []


def test_long_curves_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {step}, "loss": {step % 2}}}\n' for step in range(1, 1001)))
    curve = load_loss_curve(path, max_points=100)
    assert len(curve.training) == 100
    assert curve.training[-1] == (1000.0, 0.5)


def test_lineage_rows_name_what_decided() -> None:
    rows = list_ancestors(LINEAGE)
    assert (rows[0].stage, rows[0].key, rows[0].digest, rows[0].settings) == ("crawl", "c1", "d" * 16, "seed = 1")


def test_incomplete_ancestors_are_named_with_what_they_lack() -> None:
    lineage = [{"stage": "crawl", "incomplete": ["3 pages of a.test got no answer"]}, {"stage": "clean"}]
    assert list_incomplete_ancestors(lineage) == ["crawl (3 pages of a.test got no answer)"]
    assert list_incomplete_ancestors([{"stage": "crawl", "incomplete": []}]) == []


def test_only_what_was_measured_is_drawn(tmp_path: Path) -> None:
    assert draw_training_curves(tmp_path) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "gradient_norm": 2.0, "learning_rate_factor": 0.5}\ntorn')
    two = draw_training_curves(tmp_path)
    (tmp_path / "speed.jsonl").write_text('{"step": 1, "tokens_per_second": 10.0, "mfu": 0.1}\n')
    assert [image.startswith("<img ") for image in two] == [True, True]
    assert len(draw_training_curves(tmp_path)) == 3
