import xml.etree.ElementTree as ET
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.block import Every, discover_blocks
from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.clean.filters.length import Length
from tasks.clean.pii.patterns import KINDS
from tasks.clean.pii.redaction import Pii
from tasks.clean.settings import Clean
from tasks.clean.task import clean
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

Make = Callable[..., Draft]
AsArtifact = Callable[[Path, str], Artifact]


def enable_only(**filters: dict[str, object]) -> Clean:
    """Return settings with all filters off but those named."""
    settings = {kind: filters.get(kind, {"enabled": False}) for kind in discover_blocks(Filter)}
    return Clean.model_validate({"filters": settings})


def write_scored(folder: Path, lengths: dict[str, int], language: str = "en") -> Path:
    """Write a scored shard of documents: name → score for length, a fifth of it for word_count."""
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(
        {
            "id": list(lengths),
            "url": [f"http://a/{name}" for name in lengths],
            "text": [f"first line\n{name} " + "x" * 300 for name in lengths],
            "language": language,
            SCORE_PREFIX + "length": list(lengths.values()),
            SCORE_PREFIX + "word_count": [length // 5 for length in lengths.values()],
        },
        schema_overrides={SCORE_PREFIX + "length": pl.Float32, SCORE_PREFIX + "word_count": pl.Float32},
    )
    frame.write_parquet(folder / "documents" / "00000.parquet")
    return folder


def test_a_changed_threshold_leaves_the_extract_key_alone() -> None:
    before, after = Clean(), Clean.model_validate({"filters": {"length": {"min": 50}}})
    assert before.extract_settings().semantic() == after.extract_settings().semantic()
    assert before.semantic() != after.semantic()
    assert after.semantic()["filters"]["length"]["min"] == 50


def test_a_field_that_changes_the_score_changes_the_extract_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Length, "score_fields", frozenset({"min"}))
    before, after = Clean(), Clean.model_validate({"filters": {"length": {"min": 50}}})
    assert before.extract_settings().semantic()["filters"]["length"] == {"min": 100}
    assert after.extract_settings().semantic()["filters"]["length"] == {"min": 50}


def test_extraction_enters_the_extract_key_only() -> None:
    before, after = Clean(), Clean.model_validate({"extract": {"comments": True}})
    assert before.extract_settings().semantic() != after.extract_settings().semantic()
    assert before.semantic() == after.semantic()


def test_thresholds_of_a_disabled_filter_do_not_count() -> None:
    off, loose = enable_only(), enable_only(length={"enabled": False, "min": 7})
    assert off.semantic() == loose.semantic()
    assert off.semantic()["filters"]["length"] == {"enabled": False}


def test_settings_survive_json() -> None:
    settings = Clean.model_validate({"filters": {"language": {"languages": ["en", "zh"]}}})
    assert Clean.model_validate_json(settings.model_dump_json()) == settings
    assert (
        {kind for kind, _ in settings.filters.blocks()}
        == set(discover_blocks(Filter))
        == set(Every[Filter].model_fields)
    )


def test_what_stays_and_why_the_rest_does_not(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_scored(tmp_path / "scored", {"good": 500, "short": 60, "shorter": 40})
    lineage = [{"stage": "extract", "counts": {"failed": {"no text": 2}}}]
    draft = make_draft("clean", lineage)
    clean.build(enable_only(length={"min": 50}, word_count={"min": 50}), draft, as_artifact(folder, "extract"))
    assert pl.read_parquet(draft.path / "documents" / "00000.parquet")["id"].to_list() == ["good"]
    dropped = pl.read_parquet(draft.path / "dropped" / "00000.parquet")
    assert dropped.columns == ["id", "url", "rule", "rules", "excerpt"]
    assert dropped.select("id", "rule", "rules").rows() == [
        ("short", "word_count", ["word_count"]),
        ("shorter", "length", ["length", "word_count"]),
    ]
    assert dropped["excerpt"][0].startswith("first line short xx")
    assert dropped["excerpt"].str.len_chars().max() == 200
    assert draft.counts == {
        "documents": 3,
        "kept": 1,
        "characters": 316,
        "dropped": {"length": 1, "word_count": 1},
        "failing": {"length": 1, "word_count": 2},
        "languages": {"en": 1},
        "personal": dict.fromkeys(KINDS, 0),
        "failed": {"no text": 2},
    }


def test_personal_data_is_treated_in_what_stays_alone(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    folder = write_scored(tmp_path / "scored", {"kept": 300, "dropped": 40, "secret": 300})
    shard = folder / "documents" / "00000.parquet"
    documents = pl.read_parquet(shard)
    added = [" Ask eva@uni.de.", " Ask eva@uni.de.", " AKIAIOSFODNN7EXAMPLE"]
    documents.with_columns(text=documents["text"] + pl.Series(added)).write_parquet(shard)
    settings = enable_only(length={"min": 100}).model_copy(update={"pii": Pii(secret="drop")})
    draft = make_draft("clean")
    clean.build(settings, draft, as_artifact(folder, "extract"))
    kept = pl.read_parquet(draft.path / "documents" / "00000.parquet")
    assert [(row["id"], row["text"][-13:]) for row in kept.to_dicts()] == [("kept", " Ask <EMAIL>.")]
    dropped = pl.read_parquet(draft.path / "dropped" / "00000.parquet")
    assert dropped.select("id", "rule").rows() == [("dropped", "length"), ("secret", "pii")]
    assert draft.counts["personal"] == {**dict.fromkeys(KINDS, 0), "email": 1, "secret": 1}
    assert "| email | 1 |" in (draft.path / "summary.md").read_text()


def test_only_what_is_done_with_personal_data_counts() -> None:
    assert Clean().semantic() != Clean(pii=Pii(email="keep")).semantic()
    assert Clean().extract_settings().semantic() == Clean(pii=Pii(email="keep")).extract_settings().semantic()


def test_the_summary_shows_the_funnel(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_scored(tmp_path / "scored", {"good": 500, "short": 60})
    draft = make_draft("clean", [{"stage": "extract", "counts": {"failed": {"media type <x>|y": 1}}}])
    clean.build(enable_only(length={"min": 100}), draft, as_artifact(folder, "extract"))
    text = (draft.path / "summary.md").read_text()
    assert "| length | 1 | 1 |" in text
    picture = ET.fromstring(b64decode(text.partition("base64,")[2].partition(")")[0]))
    labels = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert labels == ["pages", "3", "documents", "2", "after length", "1"]


def test_without_filters_everything_stays(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    draft = make_draft("clean")
    clean.build(enable_only(), draft, as_artifact(write_scored(tmp_path / "scored", {"a": 1, "b": 2}), "extract"))
    assert draft.counts["kept"] == 2
    assert pl.read_parquet(draft.path / "dropped" / "00000.parquet").height == 0


def test_nothing_left_names_the_rule_that_dropped_most(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    folder = write_scored(tmp_path / "scored", {"a": 300, "b": 60, "c": 60})
    settings = enable_only(length={"min": 100}, word_count={"min": 100})
    with pytest.raises(StageFailure, match=r"all 3 documents; length dropped 2.*clean\.filters\.length"):
        clean.build(settings, make_draft("clean"), as_artifact(folder, "extract"))


def test_an_artifact_of_another_kind(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(StageFailure, match="has no documents"):
        clean.build(Clean(), make_draft("clean"), as_artifact(tmp_path / "other", "crawl"))


def test_the_same_documents_give_the_same_bytes(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_scored(tmp_path / "scored", {f"d{number}": number * 3 for number in range(100)})
    drafts = [make_draft(name) for name in ("one", "two")]
    for draft in drafts:
        clean.build(enable_only(length={}), draft, as_artifact(folder, "extract"))
    for name in ("documents/00000.parquet", "dropped/00000.parquet", "summary.md"):
        assert (drafts[0].path / name).read_bytes() == (drafts[1].path / name).read_bytes()


def test_samples_stand_in_the_summary_and_beside_the_documents(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    draft = make_draft("clean")
    folder = write_scored(tmp_path / "scored", {"good": 500, "nearly": 101, "short": 60})
    clean.build(enable_only(length={"min": 100}), draft, as_artifact(folder, "extract"))
    samples = pl.read_parquet(draft.path / "samples" / "00000.parquet")
    assert samples.select("verdict", "id").rows() == [
        ("dropped", "short"),
        ("barely kept", "nearly"),
        ("barely kept", "good"),
    ]
    text = (draft.path / "summary.md").read_text()
    assert "| barely kept | 101 | http://a/nearly | first line nearly xx" in text
    assert text.index("| dropped | 60 |") < text.index("| barely kept | 101 |")


def test_bad_lines_go_on_demand(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_scored(tmp_path / "scored", {"mixed": 500, "headings": 500, "short": 60})
    shard = folder / "documents" / "00000.parquet"
    texts = ["A heading\n\nA sentence stands here.\nAnd one more here.", "Only\nheadings", "A sentence, too short."]
    pl.read_parquet(shard).with_columns(text=pl.Series(texts)).write_parquet(shard)
    settings = enable_only(length={}).model_copy(update={"remove_bad_lines": True})
    draft = make_draft("clean")
    clean.build(settings, draft, as_artifact(folder, "extract"))
    kept = pl.read_parquet(draft.path / "documents" / "00000.parquet")
    assert kept.select("id", "text").rows() == [("mixed", "A sentence stands here.\nAnd one more here.")]
    dropped = pl.read_parquet(draft.path / "dropped" / "00000.parquet")
    assert dropped.select("id", "rule", "excerpt").rows() == [
        ("headings", "remove_bad_lines", "Only headings"),
        ("short", "length", "A sentence, too short."),
    ]
    assert draft.counts["dropped"] == {"length": 1, "remove_bad_lines": 1}
    assert settings.semantic() != enable_only(length={}).semantic()


def test_late_filters_score_when_cleaning(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    (tmp_path / "list.txt").write_text("http://a/b")
    folder = write_scored(tmp_path / "scored", {"a": 500, "b": 500})
    draft = make_draft("clean")
    settings = enable_only(url_blocklist={"enabled": True, "path": str(tmp_path / "list.txt")})
    clean.build(settings, draft, as_artifact(folder, "extract"))
    kept = pl.read_parquet(draft.path / "documents" / "00000.parquet")
    assert kept.select("id", SCORE_PREFIX + "url_blocklist").rows() == [("a", 0.0)]
