import pytest

from tasks.clean.extract.language import (
    MAX_WINDOWS,
    SAMPLE_CHARACTERS,
    detect_language,
    detect_languages,
    detect_script,
    sample_line,
    sample_windows,
)


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        ("The quick brown fox jumps over the lazy dog near the river bank.", "en", "Latn"),
        ("THIS PAGE IS WRITTEN IN CAPITAL LETTERS FROM THE FIRST TO THE LAST", "en", "Latn"),
        ("这是一个关于自然语言处理的网页，介绍如何清洗数据。", "zh", "Hans"),
        ("這是一個關於自然語言處理的網頁，介紹如何清洗資料。", "zh", "Hant"),
        ("これは自然言語処理に関するページです。", "ja", "Jpan"),
        ("이것은 자연어 처리에 관한 페이지입니다.", "ko", "Kore"),
        ("Это страница об обработке естественного языка.", "ru", "Cyrl"),
        ("هذه صفحة عن معالجة اللغة الطبيعية.", "ar", "Arab"),
    ],
)
def test_language_and_script(text: str, language: str, script: str) -> None:
    detected, score = detect_language(text)
    assert (detected, detect_script(text)) == (language, script)
    assert 0 < score <= 1


def test_terse_chinese_is_not_japanese() -> None:
    assert detect_language("社長會見記者")[0] == "zh"
    assert detect_language("港の管理人は毎日、桟橋にある船の一覧を書いている。")[0] == "ja"


def test_code_in_a_chinese_page_does_not_make_it_latin() -> None:
    assert detect_script("安装 apt install python3 之后，运行 python3 -m venv 即可创建虚拟环境。") == "Hans"


def test_text_without_letters() -> None:
    assert detect_script("12 345, 67!") == "Zyyy"
    assert detect_script("") == "Zyyy"


def test_a_long_text_is_sampled_at_three_places_on_one_line() -> None:
    text = "a" * 5000 + "\n" + "b" * 5000 + "c" * 5000
    line = sample_line(text)
    assert {"a", "b", "c"} < set(line)
    assert "\n" not in line
    assert len(line) <= 3 * SAMPLE_CHARACTERS + 2


def test_sentences_of_many_languages(shared) -> None:
    folder = shared("lingua-sentences")
    for code in ("en", "zh", "de", "fr", "ja", "fa", "ru", "es", "ko", "ar"):
        lines = (folder / f"{code}.txt").read_text(encoding="utf-8").splitlines()[:200]
        assert sum(detect_language(line)[0] == code for line in lines) > 0.9 * len(lines), code


ENGLISH = "The harbour master keeps a list of every boat that lies at the pier and writes down when it leaves. "
CHINESE = "港口管理员记录每一艘停靠码头的船只，并写下它们离开的时间，以便晚上知道哪些船还在海上。"
GERMAN = "Der Hafenmeister führt eine Liste aller Boote am Steg und schreibt auf, wann sie wieder auslaufen. "


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        (ENGLISH * 3, ["en"]),
        (ENGLISH * 30, ["en"]),
        (ENGLISH * 30 + GERMAN * 20, ["en", "de"]),
        (CHINESE * 40 + ENGLISH * 15, ["zh", "en"]),
        (ENGLISH * 25 + GERMAN + ENGLISH * 25, ["en"]),  # a quotation
        ("12 34\n" * 400, None),
    ],
)
def test_documents_in_several_languages_are_marked(text: str, languages: list[str] | None) -> None:
    main, score, detected = detect_languages(text)
    assert detected[0] == main
    assert 0 <= score <= 1
    if languages is not None:
        assert detected == languages


def test_windows_lie_all_over_a_text() -> None:
    text = "".join(chr(ord("a") + number) * 1000 for number in range(5))
    lines = sample_windows(text)
    assert len(lines) == MAX_WINDOWS
    assert (lines[0][0], lines[-1][-1]) == ("a", "e")
    assert sample_windows("short") == ["short"]
