import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from tasks.tokenize.encode import Encoder, flat, record_batch
from tasks.tokenize.vocabulary import EOS, MASK, trained

TEXTS = [
    "One sentence here. Another one follows! And e.g. a third?\n\n    def f(x):\n        return x",
    "北京大学创办于1898年。是中国第一所国立综合性大学！对吗？“是。”他说。",
    "",
    "   ",
    "Literal <eos> and <mask> tokens. They are text.",
    "no end",
    "\n\n。\n",
    "naïve 🙂 café. Ünïcode\u0301 ok.  Two  spaces. ",
]


@pytest.fixture(scope="module", params=["bpe", "wordpiece"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return trained(lambda: iter([TEXTS * 3]), request.param, 500, lowercase=False)


def test_ids_are_those_of_encode_with_one_end_token(tokenizer: Tokenizer) -> None:
    encoder = Encoder(Tokenizer.from_str(tokenizer.to_str()))
    rows = record_batch(encoder, pa.array([str(row) for row in range(len(TEXTS))]), TEXTS).to_pylist()
    reference = Tokenizer.from_str(tokenizer.to_str())
    reference.encode_special_tokens = True
    for text, row in zip(TEXTS, rows, strict=True):
        assert row["input_ids"] == [*reference.encode(text, add_special_tokens=False).ids, EOS]
        assert MASK not in row["input_ids"]


def test_sentences_start_at_their_tokens(tokenizer: Tokenizer) -> None:
    encoder = Encoder(Tokenizer.from_str(tokenizer.to_str()))
    rows = record_batch(encoder, pa.array(["a"] * len(TEXTS)), TEXTS).to_pylist()
    for text, row in zip(TEXTS, rows, strict=True):
        places, ids = row["sentences"], row["input_ids"]
        assert places == sorted(set(places))
        assert places[:1] == ([0] if len(ids) > 1 else [])
        assert all(place < len(ids) - 1 for place in places)
        assert text or not places
    parts = [
        tokenizer.decode(rows[0]["input_ids"][a:b]).strip()
        for a, b in zip(rows[0]["sentences"], [*rows[0]["sentences"][1:], -1], strict=True)
    ]
    assert [part.split()[0] for part in parts] == ["One", "Another", "And", "def", "return"]
    chinese = [
        tokenizer.decode(rows[1]["input_ids"][a:b]).replace(" ", "")
        for a, b in zip(rows[1]["sentences"], [*rows[1]["sentences"][1:], -1], strict=True)
    ]
    assert len(chinese) == 5
    assert chinese[1] == "是中国第一所国立综合性大学！"


def test_a_text_is_encoded_the_same_in_any_batch(tokenizer: Tokenizer) -> None:
    encoder = Encoder(Tokenizer.from_str(tokenizer.to_str()))
    ids = pa.array(["a"] * len(TEXTS))
    whole = record_batch(encoder, ids, TEXTS)
    single = [record_batch(encoder, ids[:1], [text]) for text in TEXTS]
    assert pa.Table.from_batches([whole]) == pa.Table.from_batches(single).combine_chunks()


def test_large_vocabularies_need_32_bits(tokenizer: Tokenizer) -> None:
    assert Encoder(tokenizer).integer == pa.uint16()
    large = Tokenizer.from_str(tokenizer.to_str())
    large.add_tokens([f"extra{number}" for number in range(1 << 16)])
    assert Encoder(large).integer == pa.uint32()


def test_flat() -> None:
    values, ends = flat([[1, 2], [], [3]])
    assert values.tolist() == [1, 2, 3]
    assert ends.tolist() == [2, 2, 3]
    assert flat([])[0].tolist() == []
