import pytest

from tasks.clean.language import WINDOW, language_of, sample, script_of


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
    found, score = language_of(text)
    assert (found, script_of(text)) == (language, script)
    assert 0 < score <= 1


def test_code_in_a_chinese_page_does_not_make_it_latin() -> None:
    assert script_of("安装 apt install python3 之后，运行 python3 -m venv 即可创建虚拟环境。") == "Hans"


def test_text_without_letters() -> None:
    assert script_of("12 345, 67!") == "Zyyy"
    assert script_of("") == "Zyyy"


def test_a_long_text_is_sampled_at_three_places_on_one_line() -> None:
    text = "a" * 5000 + "\n" + "b" * 5000 + "c" * 5000
    line = sample(text)
    assert {"a", "b", "c"} < set(line)
    assert "\n" not in line
    assert len(line) <= 3 * WINDOW + 2


def test_sentences_of_many_languages(shared) -> None:
    folder = shared("lingua-sentences")
    for code in ("en", "zh", "de", "fr", "ja", "fa", "ru", "es", "ko", "ar"):
        lines = (folder / f"{code}.txt").read_text(encoding="utf-8").splitlines()[:200]
        assert sum(language_of(line)[0] == code for line in lines) > 0.9 * len(lines), code
