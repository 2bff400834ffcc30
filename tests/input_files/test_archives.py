"""Files in archives, read in place, and archives that are bombs or broken."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from tasks.errors import BadSetting, StageFailure
from tasks.input_files import archives
from tasks.input_files.archives import strip_archive_suffix
from tasks.input_files.data_paths import (
    get_data_stem,
    get_data_suffix,
    is_data_file,
    is_data_folder,
    list_data_files,
    list_subfolders,
    read_data_text,
)

SETTING = "evaluate.benchmarks"


def write_zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
        archive.writestr("__MACOSX/._train.tsv", b"\0\1")
    return path


def write_tar(path: Path, mode: str, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # the mode is not a literal here
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_a_zip_is_a_folder_and_its_members_are_files(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "data.zip", made__train="ä".encode(), made__deep__test=b"b")
    assert is_data_folder(archive)
    assert not is_data_file(archive)
    assert list_data_files(archive) == [archive / "made/deep/test", archive / "made/train"]
    assert list_subfolders(archive / "made") == [archive / "made/deep"]
    assert is_data_file(archive / "made" / "train")
    assert read_data_text(archive / "made" / "train", SETTING) == "ä"
    # archives below a folder are read too
    assert list_data_files(tmp_path) == list_data_files(archive)
    with pytest.raises(BadSetting, match=r"data.zip/made/none does not exist"):
        read_data_text(archive / "made" / "none", SETTING)


@pytest.mark.parametrize(
    ("name", "mode"), [("d.tar", "w"), ("d.tar.gz", "w:gz"), ("d.tgz", "w:gz"), ("d.tar.xz", "w:xz")]
)
def test_members_of_tar_files(tmp_path: Path, name: str, mode: str) -> None:
    archive = write_tar(tmp_path / name, mode, {"./a/one.txt": b"one", "a/.hidden": b"", "b.txt": b"two"})
    assert [path.relative_to(archive).as_posix() for path in list_data_files(archive)] == ["a/one.txt", "b.txt"]
    assert read_data_text(archive / "a" / "one.txt", SETTING) == "one"
    assert strip_archive_suffix(name) == "d"


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress), (".zst", zstandard.compress)],
)
def test_packed_files_are_read_as_what_they_hold(tmp_path: Path, suffix: str, pack: object) -> None:
    path = tmp_path / f"train.TSV{suffix}"
    # two members, as `cat a.gz b.gz` makes
    path.write_bytes(pack(b"a\n") + pack(b"b\n"))  # type: ignore[operator]
    assert read_data_text(path, SETTING) == "a\nb\n"
    assert (get_data_suffix(path), get_data_stem(path)) == (".tsv", "train")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(StageFailure, match=rf"train.TSV{suffix} is not a complete {suffix} file"):
        read_data_text(path, SETTING)


def test_bombs_are_refused_before_they_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 10_000_000)
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 10_000_000)
    zeros = bytes(20_000_000)
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(zeros))
    packed = write_zip(tmp_path / "b.zip", zeros=zeros)
    tar = write_tar(tmp_path / "c.tar.gz", "w:gz", {"one": zeros[:6_000_000], "two": zeros[:6_000_000]})
    for path in (tmp_path / "a.tsv.gz", packed / "zeros", tar / "one"):
        with pytest.raises(StageFailure, match="unpacks to more than"):
            read_data_text(path, SETTING)


def test_a_file_that_only_calls_itself_an_archive_is_named(tmp_path: Path) -> None:
    for name in ("a.zip", "b.tar.gz"):
        (tmp_path / name).write_bytes(b"no archive")
        with pytest.raises(StageFailure, match=rf"{name} is not a complete archive"):
            list_data_files(tmp_path / name)
