"""The dataset source on folders: data files, save_to_disk, streaming; and what is said when nothing can be loaded."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from tasks.crawl.settings import Crawl
from tasks.crawl.sources.dataset import Dataset
from tasks.crawl.task import crawl
from tasks.errors import StageFailure, Transient
from tasks.runtime import datasets_hub

ROWS = [
    {"body": f"text {n}", "meta": {"url": f"https://x.org/{n}"}, "date": f"2024-01-0{n + 1}T00:00:00Z"}
    for n in range(7)
]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    datasets_hub.load_split.cache_clear()
    yield
    datasets_hub.load_split.cache_clear()


@pytest.fixture
def collected(make_draft: Callable[..., Any]) -> Callable[..., Any]:
    numbers = itertools.count()

    def collect(folder: Path | str, shards: dict[str, int] | None = None, **named: Any) -> Any:
        block = {"name": str(folder), "text_column": "body", "url_column": "meta.url", **named}
        draft = make_draft(f"dataset-{next(numbers)}")
        crawl.build(
            Crawl.model_validate({"source": {"kind": "dataset", "dataset": block}, "shards": shards or {}}), draft
        )
        return draft

    return collect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    for name, rows in (("a", ROWS[:4]), ("b", ROWS[4:])):
        (root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def urls(rows: list[dict[str, Any]]) -> list[str]:
    return [row["url"] for row in rows]


EXPECTED = [f"https://x.org/{n}" for n in range(7)]


def test_a_folder_of_data_files(folder: Path, collected: Any, index: Any) -> None:
    draft = collected(folder, {"max_pages": 3})
    rows = index(draft.path)
    assert urls(rows) == EXPECTED
    assert [path.name for path in sorted(draft.path.glob("warc/*"))] == [f"0000{n}.warc.gz" for n in range(3)]
    assert rows[2]["fetched_at"].isoformat() == "2024-01-03T00:00:00+00:00"


def test_streaming_makes_a_shard_of_each_file(folder: Path, collected: Any, index: Any) -> None:
    draft = collected(folder, streaming=True)
    assert urls(index(draft.path)) == EXPECTED
    assert len(list(draft.path.glob("warc/*"))) == 2


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_without_url_and_a_limit(folder: Path, collected: Any, index: Any, streaming: bool) -> None:
    draft = collected(folder, url_column="none", max_rows=5, streaming=streaming)
    where = "dataset:/train" + "/00000" * streaming
    assert urls(index(draft.path)) == [f"{where}#row-{n}" for n in range(1, 6)]


@pytest.mark.parametrize("streaming", [False, True])
def test_what_save_to_disk_wrote(tmp_path: Path, collected: Any, index: Any, streaming: bool) -> None:
    saved = datasets.DatasetDict(
        {"train": datasets.Dataset.from_list(ROWS), "test": datasets.Dataset.from_list(ROWS[:1])}
    )
    saved.save_to_disk(str(tmp_path / "both"))
    saved["train"].save_to_disk(str(tmp_path / "one"))
    assert urls(index(collected(tmp_path / "both", split="test").path)) == EXPECTED[:1]
    assert urls(index(collected(tmp_path / "one", streaming=streaming).path)) == EXPECTED


def test_key_follows_the_content_of_a_folder(folder: Path, tmp_path: Path) -> None:
    before = Dataset(name=str(folder)).semantic()
    moved = folder.rename(tmp_path / "moved")
    assert Dataset(name=str(moved)).semantic() == before
    (moved / "a.jsonl").write_text('{"body": "other"}\n')
    assert Dataset(name=str(moved)).semantic() != before
    assert Dataset(name="owner/name").semantic()["name"] == "owner/name"


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"name": ""}, "name is not set"),
        ({"name": "/nowhere/at/all"}, "does not exist"),
        ({"split": "validation"}, "cannot be loaded .*validation"),
        ({"text_column": "text"}, r"row 1 has no column 'text', but 'body', 'meta', 'date'"),
        ({"text_column": "meta"}, r"holds no page \(text column holds no text: 7\)"),
    ],
)
def test_what_cannot_be_read(folder: Path, collected: Any, named: dict[str, str], says: str) -> None:
    with pytest.raises(StageFailure, match=says):
        collected(
            **{"folder": folder, **{("folder" if name == "name" else name): value for name, value in named.items()}}
        )


def test_a_broken_file_is_named(folder: Path, collected: Any) -> None:
    (folder / "a.jsonl").write_text('{"body": "x"}\nno json\n')
    with pytest.raises(StageFailure, match="cannot be loaded"):
        collected(folder)


@pytest.mark.parametrize(("offline", "kind"), [(False, Transient), (True, StageFailure)])
def test_a_name_that_cannot_be_reached(
    collected: Any, monkeypatch: pytest.MonkeyPatch, offline: bool, kind: type[StageFailure]
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    with pytest.raises(StageFailure, match=r"owner/name cannot be loaded.*save_to_disk\(FOLDER\)") as caught:
        collected("owner/name")
    assert type(caught.value) is kind


@pytest.mark.parametrize("streaming", [False, True])
def test_a_folder_whose_name_looks_like_a_pattern(
    folder: Path, tmp_path: Path, collected: Any, index: Any, streaming: bool
) -> None:
    odd = folder.rename(tmp_path / "x [v2] *? {a,b} %20 #")
    assert urls(index(collected(odd, streaming=streaming).path)) == EXPECTED
    (odd / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: b.jsonl\n---\n")
    datasets_hub.load_split.cache_clear()
    assert urls(index(collected(odd, streaming=streaming).path)) == EXPECTED[4:]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "field", ["data_files: ../secret.jsonl", "data_files: {tmp}/secret.jsonl", "data_files: http://127.0.0.1:9/x.jsonl",
              "data_files: a*/../../secret.jsonl", "data_dir: ..", "data_dir: {tmp}"]
)  # fmt: skip
def test_a_readme_that_names_files_elsewhere(
    folder: Path, tmp_path: Path, collected: Any, field: str, streaming: bool
) -> None:
    (tmp_path / "secret.jsonl").write_text('{"body": "secret"}\n')
    field = field.replace("{tmp}", str(tmp_path))
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  {field}\n---\n")
    with pytest.raises(StageFailure, match="its README names") as caught:
        collected(folder, streaming=streaming)
    assert type(caught.value) is StageFailure
