import time
import unicodedata

import pytest

from tasks.clean.whitespace import tidy_text, to_one_line


def test_white_space_of_any_kind_becomes_one_space() -> None:
    assert tidy_text("a\u00a0\u00a0b\tc\u2003d  e \r\nf\u2028g") == "a b c d e\nf\ng"


def test_one_blank_line_separates_paragraphs() -> None:
    assert tidy_text("\n\n a\n \u00a0\n\n\nb\n\n") == "a\n\nb"


def test_indentation_of_code_stays_and_that_of_cells_and_chinese_paragraphs_goes() -> None:
    assert tidy_text("def f():\n    return  1\n\u00a0\u00a0x\n\t\tcell\n\u3000\u3000段落") == (
        "def f():\n    return 1\n  x\ncell\n段落"
    )


def test_invisible_characters_go_and_joiners_stay() -> None:
    assert tidy_text("a\x00b\u200bc\u00add\ufeffe\ud800f") == "abcdef"
    assert tidy_text("می\u200cخواهم") == "می\u200cخواهم"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hel\u200elo w\u2066or\u2069ld \u202aa\u202cb\u061cc", "hello world abc"),
        ("x\u2062y f\u2061(x) a\u2064b", "xy f(x) ab"),
        ("\ufff9base\ufffareading\ufffb an \ufffcobject", "basereading an object"),
        ("an \ufffcobject", "an object"),
        ("\U000e0001\U000e0065\U000e006ehello\U000e0068", "hello"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f\U000e0041", "\U0001f3f4\U000e0067\U000e0062\U000e007f\U000e0041"),
        ("👩\u200d💻 ❤\ufe0f 葛\U000e0100", "👩\u200d💻 ❤\ufe0f 葛\U000e0100"),
        ("क\u094d\u200dष ه\u200d و", "क\u094d\u200dष ه\u200d و"),
        ("Auf\u200clage", "Auf\u200clage"),
        ("word\u200d and \u200cword\u200c", "word and word"),
    ],
)
def test_only_what_decides_how_others_look_stays(text: str, expected: str) -> None:
    assert tidy_text(text) == unicodedata.normalize("NFC", expected)


def test_tabs_of_an_indentation_are_four_spaces() -> None:
    assert tidy_text("if x:\n\treturn\ta\n \t\tb\n\n\tc", keep_tabs=True) == "if x:\n    return a\n        b\n\n    c"


def test_composed_characters() -> None:
    assert tidy_text(unicodedata.normalize("NFD", "café 한국어")) == "café 한국어"


def test_endless_space_takes_linear_time() -> None:
    started = time.process_time()
    assert tidy_text("x\n" + " " * 2_000_000 + "x" + "\u00a0\t" * 1_000_000 + "y") == "x\n" + " " * 40 + "x y"
    assert time.process_time() - started < 2


def test_titles_are_one_line() -> None:
    assert to_one_line(" Über\n\n  uns\u00a0| Firma ") == "Über uns | Firma"


def test_tabs_of_plain_text_are_indentation() -> None:
    makefile = "\n \n\tcc -o a  a.c\r\n\t\t@echo\tdone\r\n  \tmixed\n\n\n\u3000\t段落\n\t\n"
    assert tidy_text(makefile, keep_tabs=True) == "    cc -o a a.c\n        @echo done\n    mixed\n\n段落"
    assert tidy_text("  first\n second", keep_tabs=True) == "  first\n second"
    assert tidy_text("  first\n second") == "first\n second"
    assert tidy_text("x\n" + "\t" * 2_000_000 + "y", keep_tabs=True) == "x\n" + " " * 40 + "y"
    assert tidy_text("\n \u00a0" * 500_000 + "x", keep_tabs=True).strip() == "x"
