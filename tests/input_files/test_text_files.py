"""Text files of the user are read in one way, and errors name the file and the setting."""

from pathlib import Path

import pytest

from tasks.errors import BadSetting, StageFailure
from tasks.input_files.text_files import read_lines


def test_lines_are_stripped_and_empty_ones_left_out(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeff first \r\n\r\n\t\n# second\n".encode())
    assert read_lines(path, "the.setting") == ["first", "# second"]


def test_comments_are_left_out_where_a_list_has_them(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# about the list\nrope\n  # indented\nC#\n")
    assert read_lines(path, "the.setting", comment="#") == ["rope", "C#"]


def test_errors_name_the_file_and_the_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"none.txt does not exist.*the\.setting"):
        read_lines(tmp_path / "none.txt", "the.setting")
    with pytest.raises(StageFailure, match=r"cannot be read.*the\.setting"):
        read_lines(tmp_path, "the.setting")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\0\0\0")
    with pytest.raises(StageFailure, match=r"picture.txt is no text file.*the\.setting"):
        read_lines(tmp_path / "picture.txt", "the.setting")


def test_lists_in_other_encodings_are_read_as_other_files_are(tmp_path: Path) -> None:
    words = ["北京大学", "清华大学", "复旦大学"]
    (tmp_path / "list.txt").write_text("\n".join(words), encoding="gb18030")
    assert read_lines(tmp_path / "list.txt", "the.setting") == words
