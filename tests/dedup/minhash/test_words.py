import unicodedata

from tasks.dedup.minhash.words import (
    CLASS_SHIFT,
    build_character_table,
    fold_character,
    hash_shingle,
    iterate_shingles,
    split_words,
)


def test_words_fold_case_and_width_and_end_at_punctuation() -> None:
    assert split_words("Hello, WÖRLD! ＡＢＣ１ snake_case don't") == [
        "hello",
        "wörld",
        "abc1",
        "snake",
        "case",
        "don",
        "t",
    ]


def test_scripts_without_spaces_give_a_word_a_code_point() -> None:
    assert split_words("用Python写代码。カナ") == ["用", "python", "写", "代", "码", "カ", "ナ"]
    assert split_words("𠀀𠀁") == ["𠀀", "𠀁"]


def test_marks_stay_in_their_word() -> None:
    assert split_words("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert split_words("e\u0301te\u0301") == ["e\u0301te\u0301"]


def test_shingles_of_long_and_short_texts() -> None:
    assert list(iterate_shingles("a b c d", 3)) == [b"a b c", b"b c d"]
    assert list(iterate_shingles("A b", 3)) == [b"a b"]
    assert list(iterate_shingles("?! ", 3)) == []


def test_shingle_hash_depends_on_order_and_borders_of_words() -> None:
    hashes = {hash_shingle(shingle) for shingle in (b"a b c", b"b a c", b"ab c", b"a bc", b"c b a")}
    assert len(hashes) == 5
    assert all(0 <= shingle < 1 << 32 for shingle in hashes)


def test_the_table_follows_the_unicode_categories() -> None:
    table = build_character_table()
    for code in range(0, 0x40000, 37):
        if 0xD800 <= code < 0xE000:
            continue
        letter = fold_character(chr(code))
        separates = unicodedata.category(letter)[0] not in "LMN"
        assert (table[code] >> CLASS_SHIFT == 0) == (separates and code < 0x20000), hex(code)
        assert table[code] & 0xFFFFFF == ord(letter), hex(code)
        assert fold_character(letter) == letter
