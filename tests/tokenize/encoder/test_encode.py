import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from tasks.tokenize.encoder import encode
from tasks.tokenize.encoder.encode import BatchEncoder, make_record_batch
from tasks.tokenize.encoder.split_points import PretokenizerFamily
from tasks.tokenize.encoder.split_points import detect_family as family_of_json
from tests.tokenize.samples import CHINESE, ENGLISH, MAKERS, TEXTS, odd_texts, shuffled_code_points, small

END = 1


@pytest.fixture(scope="module", params=list(MAKERS))
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return MAKERS[request.param]()


def family_of(tokenizer: Tokenizer) -> PretokenizerFamily | None:
    return family_of_json(json.loads(tokenizer.to_str()))


def copy(tokenizer: Tokenizer) -> Tokenizer:
    return Tokenizer.from_str(tokenizer.to_str())


def expected(tokenizer: Tokenizer, texts: Iterable[str]) -> list[list[int]]:
    """What the library says of whole texts."""
    reference = copy(tokenizer)
    reference.encode_special_tokens = True
    return [[*each.ids, END] for each in reference.encode_batch(list(texts), add_special_tokens=False)]


def rows_of(tokenizer: Tokenizer, texts: Iterable[str]) -> list[list[int]]:
    encoded = BatchEncoder(copy(tokenizer), END)(pa.array(list(texts), pa.string()))
    return [row.tolist() for row in np.split(encoded.ids, encoded.ends[:-1])]


def test_all_of_unicode_has_the_librarys_ids(tokenizer: Tokenizer) -> None:
    texts = list(shuffled_code_points())
    if family_of(tokenizer) is None:  # the library itself
        texts = texts[::20]
    assert rows_of(tokenizer, texts) == expected(tokenizer, texts)


def test_odd_texts_have_the_librarys_ids(tokenizer: Tokenizer) -> None:
    texts = list(odd_texts(3_000))
    assert rows_of(tokenizer, texts) == expected(tokenizer, texts)


def test_known_pipelines_are_cut_and_others_are_not() -> None:
    known = {name for name, make in MAKERS.items() if family_of(make()) is not None}
    assert known == {"bpe", "unigram", "wordpiece", "cased", "gpt2", "llama3", "one digit"}
    found_first = small("bpe")
    found_first.add_tokens(["two words"])  # it is found before the text is split
    assert family_of(found_first) is None
    assert rows_of(found_first, ["say two words now"]) == expected(found_first, ["say two words now"])


@pytest.mark.parametrize("name", ["bpe", "wordpiece"])
def test_forgetting_pieces_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = MAKERS[name]()
    texts = [*odd_texts(300, seed=2), *TEXTS, "x" * 5_000, "", "长" * 2_000]
    by_pieces = encode.PretokenEncoder
    monkeypatch.setattr(encode, "PretokenEncoder", lambda *args: by_pieces(*args, most=16))
    assert rows_of(tokenizer, texts) == expected(tokenizer, texts)


def test_real_texts_have_the_librarys_ids(tokenizer: Tokenizer, shared: Callable[[str], Path]) -> None:
    chinese = max(shared("thucnews-titles").rglob("*.*"), key=lambda path: path.stat().st_size).read_text()
    english = (shared("tinyshakespeare") / "input.txt").read_text()[:100_000]
    texts = [chinese[:50_000], english, *ENGLISH, *CHINESE]
    assert rows_of(tokenizer, texts) == expected(tokenizer, texts)


def test_sentences_start_at_their_tokens(tokenizer: Tokenizer) -> None:
    ids = pa.array(["a"] * len(TEXTS))
    encoder = BatchEncoder(copy(tokenizer), END)
    rows = make_record_batch(encoder, ids, encoder(pa.array(TEXTS))).to_pylist()
    for text, row in zip(TEXTS, rows, strict=True):
        places, tokens = row["sentences"], row["input_ids"]
        assert places == sorted(set(places))
        assert places[:1] == ([0] if len(tokens) > 1 else [])
        assert all(place < len(tokens) - 1 for place in places)
        assert text or not places
    english, chinese = (
        [tokenizer.decode(row["input_ids"][a:b], skip_special_tokens=False) for a, b in pairwise(places)]
        for row in rows[:2]
        for places in [[*row["sentences"], -1]]
    )
    # a small vocabulary need not know every word
    firsts = zip(english, ("one", "another", "and", "def", "return"), strict=True)
    assert all(part.split()[0].lower() in (word, "<unk>") for part, word in firsts)
    assert len(chinese) == 5
    # a token may hold the end of one sentence and the start of the next
    assert chinese[1].replace(" ", "").strip("。！") in ("是中国第一所国立综合性大学", "<unk>中国第一所国立综合性大学")


def test_a_text_is_encoded_the_same_in_any_batch(tokenizer: Tokenizer) -> None:
    encoder = BatchEncoder(copy(tokenizer), END)
    column = pa.array(["before", *TEXTS, "behind"]).slice(1, len(TEXTS))
    whole = encoder(column)
    single = [encoder(column.slice(row, 1)) for row in range(len(TEXTS))]
    assert whole.ids.tolist() == [number for each in single for number in each.ids]
    assert whole.sentences.tolist() == [place for each in single for place in each.sentences]
    assert whole.sentence_ends.tolist() == np.cumsum([len(each.sentences) for each in single]).tolist()
    assert encoder(column.slice(0, 0)).ids.tolist() == []


def test_padding_and_truncation_of_a_saved_tokenizer_are_switched_off() -> None:
    tokenizer = small("bpe")
    plain = expected(tokenizer, TEXTS)
    tokenizer.enable_padding()
    tokenizer.enable_truncation(3)
    assert rows_of(tokenizer, TEXTS) == plain


def test_large_vocabularies_need_32_bits() -> None:
    tokenizer = small("bpe")
    assert BatchEncoder(copy(tokenizer), END).integer == pa.uint16()
    tokenizer.add_special_tokens([f"extra{number}" for number in range((1 << 16) - tokenizer.get_vocab_size())])
    assert BatchEncoder(copy(tokenizer), END).integer == pa.uint16()
    tokenizer.add_special_tokens(["one more"])
    assert BatchEncoder(tokenizer, END).integer == pa.uint32()
