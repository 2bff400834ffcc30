import pytest

from tasks.clean.mojibake import repair_mojibake
from tasks.clean.whitespace import tidy_text

SENTENCES = [
    "L’été dernier, les élèves étaient à l’école : « ça coûte 5 € » – déjà vu…",
    "Größe und Übermaß ändern die Maße für Bücher.",
    "Порт записывает каждую лодку у причала.",
    "港口管理员记录每一艘停靠码头的船只。",
    "Zażółć gęślą jaźń.",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_utf8_that_was_read_as_latin_1_is_repaired(text: str) -> None:
    garbled = text.encode().decode("latin-1")
    assert garbled != text
    assert repair_mojibake(f"first line\n{garbled}") == f"first line\n{text}"


def test_windows_1252_too_and_before_spaces_are_tidied() -> None:
    assert tidy_text("donâ€™t say cafÃ© Ã\xa0 Paris") == "don’t say café à Paris"


@pytest.mark.parametrize("text", [*SENTENCES, "ÂNGELO, É; Ã. SÃO PAULO", "Crème brûlée: “voilà”…", "plain"])
def test_good_text_stays_as_it_is(text: str) -> None:
    assert repair_mojibake(text) == text
