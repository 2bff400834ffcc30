"""A tiny world to evaluate in: a site of three sections, its tokens, and a model of a few thousand weights."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, BertConfig, GPT2Config, PreTrainedTokenizerFast

WORDS = {
    "trees": ["oak", "birch", "leaf", "root", "bark", "forest", "branch"],
    "ships": ["sail", "mast", "harbour", "anchor", "deck", "captain", "tide"],
    "music": ["violin", "chord", "melody", "tempo", "opera", "drum", "flute"],
}
COMMON = ["the", "a", "of", "and", "with", "many", "old", "new", "some", "this", "that"]


def make_page_text(section: str, number: int, words: int = 90) -> str:
    rng = np.random.default_rng([number, len(section), ord(section[0])])
    return " ".join(
        str(rng.choice(WORDS[section] if rng.random() < 0.5 else COMMON)) + ("." if position % 9 == 8 else "")
        for position in range(words)
    )


def make_documents(pages: int, first: int = 0) -> pl.DataFrame:
    """Pages of every section as the tokenize stage keeps them out."""
    rows = []
    for section in WORDS:
        for number in range(first, first + pages):
            url, text = f"http://127.0.0.1:8000/{section}/{number}.html", make_page_text(section, number)
            name = hashlib.blake2b(f"{url}\0{text}".encode(), digest_size=16).hexdigest()
            rows.append({"id": name, "url": url, "title": str(number), "text": text, "language": "en"})
    return pl.DataFrame(rows)


def make_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(special_tokens=["<pad>", "<unk>", "<bos>", "<eos>", "<mask>"])
    tokenizer.train_from_iterator(make_documents(8)["text"].to_list(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="<eos>")


@pytest.fixture
def heldout() -> pl.DataFrame:
    return make_documents(8)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of one layer, with a metrics file as pretraining leaves it."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=16, n_layer=1, n_head=2, eos_token_id=3)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "metrics.jsonl").write_text(
        '{"step": 1, "loss": 4.0}\n{"step": 2, "loss": 3.0, "validation_loss": 3.1}\n'
    )
    return folder


@pytest.fixture(scope="session")
def masked(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A BERT of one layer, with the same tokens."""
    folder = tmp_path_factory.mktemp("masked")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((checkpoint / name).read_bytes())
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"mask_token": "<mask>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    vocabulary = json.loads((checkpoint / "config.json").read_text())["vocab_size"]
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    AutoModelForMaskedLM.from_config(BertConfig(vocab_size=vocabulary, **shape)).save_pretrained(folder)
    return folder


@pytest.fixture
def tokens(tmp_path: Path, heldout: pl.DataFrame) -> Path:
    """A tokens artifact whose training documents are others than the held-out ones."""
    folder = tmp_path / "tokens"
    for part, pages in (("train", make_documents(12, first=100)), ("validation", make_documents(2, first=200))):
        write_token_shard(folder / part / "00000.arrow", pages)
    (folder / "heldout").mkdir()
    heldout.write_parquet(folder / "heldout" / "00000.parquet")
    make_tokenizer().save_pretrained(folder / "tokenizer")
    return folder


def write_token_shard(path: Path, pages: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = [[*each, 3] for each in make_tokenizer()(pages["text"].to_list())["input_ids"]]
    table = pa.table(
        {
            "id": pages["id"].to_list(),
            "input_ids": pa.array(ids, pa.list_(pa.uint16())),
            "sentences": pa.array([[0]] * len(ids), pa.list_(pa.uint32())),
        }
    )
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)


@pytest.fixture(name="documents")
def documents_fixture() -> Callable[..., pl.DataFrame]:
    return make_documents


@pytest.fixture(name="write_shard")
def write_shard_fixture() -> Callable[[Path, pl.DataFrame], None]:
    return write_token_shard
