from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.input_files.encoding import decode_page, decode_text, is_binary

CHINESE = "中文网页的编码常常与声明不符，需要从字节判断。这里有足够多的汉字让检测器作出判断，而不是靠运气。"
TRADITIONAL = "繁體中文網頁常用大五碼編碼，伺服器卻不一定會聲明。這裡有足夠多的漢字讓偵測器作出判斷。"
JAPANESE = "日本語のページはシフトジスで書かれていることがあります。ここには十分な長さの文章があります。①"
FRENCH = "Déjà vu : l’été, les élèves français étaient très fâchés ; ça coûte 5 €, voilà où nous en étions."


def make_html(text: str, charset: str = "") -> str:
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">' if charset else ""
    return f"<html><head>{meta}<title>t</title></head><body><p>{text * 3}</p></body></html>"


CASES = [
    (CHINESE, "gb18030", "gb2312"),
    (TRADITIONAL, "big5", "big5"),
    (JAPANESE, "cp932", "shift_jis"),
    (FRENCH, "cp1252", "iso-8859-1"),
    (CHINESE, "utf-8", "utf-8"),
]


@pytest.mark.parametrize(("text", "codec", "label"), CASES)
def test_the_http_header_names_the_encoding(text: str, codec: str, label: str) -> None:
    page = make_html(text)
    assert decode_page(page.encode(codec), f"text/html; charset={label.upper()}") == page


@pytest.mark.parametrize(("text", "codec", "label"), CASES)
def test_a_meta_tag_names_the_encoding(text: str, codec: str, label: str) -> None:
    page = make_html(text, label)
    assert decode_page(page.encode(codec), "text/html") == page


@pytest.mark.parametrize(("text", "codec", "label"), CASES)
def test_the_bytes_tell_the_encoding(text: str, codec: str, label: str) -> None:
    page = make_html(text.replace("①", ""))
    assert decode_page(page.encode(codec), None) == page


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_beats_the_header(codec: str) -> None:
    assert decode_page(make_html(CHINESE).encode(codec), "text/html; charset=iso-8859-1") == make_html(CHINESE)


def test_utf8_that_is_declared_as_something_else_is_still_read() -> None:
    assert decode_page(make_html(FRENCH).encode(), "text/html; charset=iso-8859-1") == make_html(FRENCH)


def test_a_wrong_declaration_gives_way_to_the_bytes() -> None:
    assert decode_page(make_html(CHINESE).encode("gb18030"), "text/html; charset=utf-8") == make_html(CHINESE)


@pytest.mark.parametrize("content_type", [None, "text/html; charset=utf-8"])
def test_broken_utf8_keeps_all_but_the_broken_bytes(content_type: str | None) -> None:
    good = make_html(CHINESE).encode()
    position = good.index("网".encode())
    text = decode_page(good[: position + 1] + b"\xff" + good[position + 3 :], content_type)
    assert text.replace("\ufffd", "") == make_html(CHINESE).replace("网", "", 1)
    assert "\ufffd" in text


@pytest.mark.parametrize(
    "label",
    ["base64", "rot13", "unicode_escape", "idna", "zlib", "undefined", "utf-7", "iso-2022-kr", "x-user-defined"],
)
def test_a_label_that_names_no_encoding_of_text_says_nothing(label: str) -> None:
    page = make_html(CHINESE, label)
    assert decode_page(page.encode("gb18030"), f"text/html; charset={label}") == page
    assert decode_page(page.encode(), "text/html") == page


def test_iso_2022_jp_is_seen_though_it_is_ascii() -> None:
    assert JAPANESE[:20] in decode_page(make_html(JAPANESE.replace("①", "")).encode("iso2022_jp"), None)


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff" * 50, b"\x81", bytes(range(256)) * 3])
def test_any_bytes_become_text(body: bytes) -> None:
    decode_page(body, "text/html; charset=no-such-thing").encode()


@pytest.mark.parametrize(
    ("language", "codec"),
    [
        *[("zh", "gb18030"), ("ja", "euc_jp"), ("ja", "iso2022_jp"), ("ko", "cp949"), ("ru", "cp1251")],
        *[("ru", "koi8_r"), ("el", "cp1253"), ("tr", "cp1254"), ("he", "cp1255"), ("ar", "cp1256"), ("lt", "cp1257")],
        *[("cs", "cp1250"), ("pl", "iso8859_2"), ("fr", "cp1252"), ("th", "cp874")],
    ],
)
def test_real_text_without_a_word_on_its_encoding(shared: Callable[[str], Path], language: str, codec: str) -> None:
    lines = (shared("lingua-sentences") / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    encodable = [line for line in lines if line.encode(codec, "ignore").decode(codec) == line][:400]
    pages = [
        "\n".join(f"<p>{line}" for line in encodable[start : start + 10]) for start in range(0, len(encodable), 10)
    ]
    is_right = [decode_page(page.encode(codec), None) == page for page in pages]
    assert sum(is_right) >= 0.95 * len(is_right)


def test_a_windows_code_page_that_is_called_by_its_iso_name() -> None:
    text = "<p>„Uždaryk vartus“, – tarė uosto viršininkas ir užrašė, kada išplaukė paskutinis laivas į jūrą.</p>" * 3
    assert decode_page(text.encode("cp1257"), None) == text


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        ("naïve café\tgood\nüber\tbad\n", "latin-1", "cp1252"),
        ("今天天气很好\t好\n我的钥匙又丢了\t坏\n", "gb18030", "gb18030"),
        ("text\tlabel\nÄpfel\tgood\n", "utf-16", "utf-16-le"),
        ("text\tlabel\nÄpfel\tgood\n", "utf-16-be", "utf-16-be"),
        ("text\tlabel\n", "utf-8-sig", "utf-8"),
        ("text\tlabel\n", "utf-32", "utf-32-le"),
    ],
)
def test_the_encoding_of_a_file_of_data_is_guessed(text: str, codec: str, name: str) -> None:
    assert decode_text(text.encode(codec)) == (text, name)


def test_a_named_encoding_is_not_guessed() -> None:
    assert decode_text("é".encode("cp1252"), "cp1252") == ("é", "cp1252")
    assert decode_text(b"\xef\xbb\xbfa", "utf-8") == ("a", "utf-8")
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"\xe9", "utf-8")


def test_one_broken_byte_does_not_make_it_another_encoding() -> None:
    text, name = decode_text(("ä" * 100).encode() + b"\xff")
    assert (text, name) == ("ä" * 100 + "\ufffd", "utf-8")


def test_binary_files_are_told_from_text() -> None:
    assert is_binary(b"%PDF-1.7 text")
    assert is_binary(b"\x7fELF\0\0\0\0\1")
    assert not is_binary("text".encode("utf-16"))
    assert not is_binary("text".encode("utf-16-le"))
    assert not is_binary(b"one \0 byte of damage")
    assert not is_binary((b"a line of a table" * 9 + b"\0\n") * 50)
