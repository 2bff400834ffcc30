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
from tests.tokenize.samples import (
    CHINESE,
    ENGLISH,
    MAKERS,
    TEXTS,
    train_small,
    yield_odd_texts,
    yield_shuffled_code_points,
)

END = 1


@pytest.fixture(scope="module", params=list(MAKERS))
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return MAKERS[request.param]()


def family_of(tokenizer: Tokenizer) -> PretokenizerFamily | None:
    return family_of_json(json.loads(tokenizer.to_str()))


def copy_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    return Tokenizer.from_str(tokenizer.to_str())


def encode_by_library(tokenizer: Tokenizer, texts: Iterable[str]) -> list[list[int]]:
    """Encode whole texts by the library."""
    reference = copy_tokenizer(tokenizer)
    reference.encode_special_tokens = True
    return [[*encoding.ids, END] for encoding in reference.encode_batch(list(texts), add_special_tokens=False)]


def encode_rows(tokenizer: Tokenizer, texts: Iterable[str]) -> list[list[int]]:
    encoded = BatchEncoder(copy_tokenizer(tokenizer), END)(pa.array(list(texts), pa.string()))
    return [row.tolist() for row in np.split(encoded.ids, encoded.ends[:-1])]


@pytest.mark.slow
def test_all_of_unicode_has_the_librarys_ids(tokenizer: Tokenizer) -> None:
    texts = list(yield_shuffled_code_points())
    if family_of(tokenizer) is None:  # the library itself
        texts = texts[::20]
    assert encode_rows(tokenizer, texts) == encode_by_library(tokenizer, texts)


def test_odd_texts_have_the_librarys_ids(tokenizer: Tokenizer) -> None:
    texts = list(yield_odd_texts(3_000))
    assert encode_rows(tokenizer, texts) == encode_by_library(tokenizer, texts)


def test_known_pipelines_are_split_and_others_are_not() -> None:
    known = {name for name, make in MAKERS.items() if family_of(make()) is not None}
    assert known == {"bpe", "unigram", "wordpiece", "cased", "gpt2", "llama3", "one digit"}
    found_first = train_small("bpe")
    found_first.add_tokens(["two words"])  # it is found before the text is split
    assert family_of(found_first) is None
    assert encode_rows(found_first, ["say two words now"]) == encode_by_library(found_first, ["say two words now"])


@pytest.mark.parametrize("name", ["bpe", "wordpiece"])
def test_forgetting_pretokens_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = MAKERS[name]()
    texts = [*yield_odd_texts(300, seed=2), *TEXTS, "x" * 5_000, "", "长" * 2_000]
    pretoken_encoder = encode.PretokenEncoder
    monkeypatch.setattr(encode, "PretokenEncoder", lambda *args: pretoken_encoder(*args, max_pretokens=16))
    assert encode_rows(tokenizer, texts) == encode_by_library(tokenizer, texts)


@pytest.mark.slow
def test_real_texts_have_the_librarys_ids(tokenizer: Tokenizer, shared: Callable[[str], Path]) -> None:
    chinese = max(shared("thucnews-titles").rglob("*.*"), key=lambda path: path.stat().st_size).read_text()
    english = (shared("tinyshakespeare") / "input.txt").read_text()[:100_000]
    texts = [chinese[:50_000], english, *ENGLISH, *CHINESE]
    assert encode_rows(tokenizer, texts) == encode_by_library(tokenizer, texts)


def test_sentences_start_at_their_tokens(tokenizer: Tokenizer) -> None:
    ids = pa.array(["a"] * len(TEXTS))
    encoder = BatchEncoder(copy_tokenizer(tokenizer), END)
    rows = make_record_batch(encoder, ids, encoder(pa.array(TEXTS))).to_pylist()
    for text, row in zip(TEXTS, rows, strict=True):
        positions, tokens = row["sentences"], row["input_ids"]
        assert positions == sorted(set(positions))
        assert positions[:1] == ([0] if len(tokens) > 1 else [])
        assert all(position < len(tokens) - 1 for position in positions)
        assert text or not positions
    english, chinese = (
        [tokenizer.decode(row["input_ids"][a:b], skip_special_tokens=False) for a, b in pairwise(positions)]
        for row in rows[:2]
        for positions in [[*row["sentences"], -1]]
    )
    # a small vocabulary need not know every word
    firsts = zip(english, ("one", "another", "and", "def", "return"), strict=True)
    assert all(part.split()[0].lower() in (word, "<unk>") for part, word in firsts)
    assert len(chinese) == 5
    # a token may hold the end of one sentence and the start of the next
    assert chinese[1].replace(" ", "").strip("。！") in ("是中国第一所国立综合性大学", "<unk>中国第一所国立综合性大学")


def test_a_text_is_encoded_the_same_in_any_batch(tokenizer: Tokenizer) -> None:
    encoder = BatchEncoder(copy_tokenizer(tokenizer), END)
    column = pa.array(["before", *TEXTS, "behind"]).slice(1, len(TEXTS))
    whole = encoder(column)
    single = [encoder(column.slice(row, 1)) for row in range(len(TEXTS))]
    assert whole.ids.tolist() == [number for encoded in single for number in encoded.ids]
    assert whole.sentences.tolist() == [position for encoded in single for position in encoded.sentences]
    assert whole.sentence_ends.tolist() == np.cumsum([len(encoded.sentences) for encoded in single]).tolist()
    assert encoder(column.slice(0, 0)).ids.tolist() == []


def test_padding_and_truncation_of_a_saved_tokenizer_are_switched_off() -> None:
    tokenizer = train_small("bpe")
    plain = encode_by_library(tokenizer, TEXTS)
    tokenizer.enable_padding()
    tokenizer.enable_truncation(3)
    assert encode_rows(tokenizer, TEXTS) == plain


@pytest.mark.slow
def test_large_vocabularies_need_32_bits() -> None:
    tokenizer = train_small("bpe")
    assert BatchEncoder(copy_tokenizer(tokenizer), END).integer == pa.uint16()
    tokenizer.add_special_tokens([f"extra{number}" for number in range((1 << 16) - tokenizer.get_vocab_size())])
    assert BatchEncoder(copy_tokenizer(tokenizer), END).integer == pa.uint16()
    tokenizer.add_special_tokens(["one more"])
    assert BatchEncoder(tokenizer, END).integer == pa.uint32()
