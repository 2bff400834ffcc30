"""Altered copies, by words and by a small model that was taught to swap two vocabularies."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, BartConfig, PreTrainedTokenizerFast

from tasks.downstream.data.data_files import frame
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.augmented_copies import copied, copies_of, copy_rows, drawn_rows
from tasks.downstream.finetuning.back_translation import BackTranslation
from tasks.downstream.finetuning.shards import score
from tasks.downstream.finetuning.split_examples import ROW, numbered
from tasks.downstream.finetuning.variants import models_of
from tasks.downstream.models.encoder import Tokens
from tasks.downstream.models.generator import Writer
from tasks.downstream.models.one_thread import one_thread
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.finetuning import Recipe
from tasks.downstream.task_types import kind_of
from tasks.errors import StageFailure
from tasks.evaluate.preflight import check_recipe_support

TREES, SHIPS = ["oak", "birch", "leaf", "root"], ["sail", "mast", "deck", "tide"]
OTHER = dict(zip(TREES + SHIPS, SHIPS + TREES, strict=True))
END = 3


def sentences(number: int, words: int = 3) -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(TREES if row % 2 else SHIPS, words)) for row in range(number)]


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A BART of one layer that says trees for ships, and ships for trees."""
    folder = tmp_path_factory.mktemp("translator")
    shape: dict[str, Any] = {"vocab_size": 40, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1}
    shape |= {"encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 32}
    shape |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "dropout": 0.0, "init_std": 0.1}
    special = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": END, "decoder_start_token_id": END}
    with one_thread():
        torch.manual_seed(0)
        AutoModelForSeq2SeqLM.from_config(BartConfig(**shape, **special)).save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((checkpoint / name).read_bytes())
        writer, tokens = Writer.load(folder, END, random=False, seed=0), Tokens(folder, 32)
        optimizer = torch.optim.AdamW(writer.parameters(), 0.01)
        for _ in range(60):
            texts = sentences(32)
            said = [" ".join(OTHER[word] for word in text.split()) for text in texts]
            read, wanted = ([[*ids, END] for ids in tokens.whole(each)] for each in (texts, said))
            optimizer.zero_grad()
            writer.losses(read, wanted).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    writer.body.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with one_thread():
        yield


def task(pairs: bool = False, kind: str = "classes") -> Task:
    texts = list(dict.fromkeys(sentences(400)))[:60]
    rows: list[dict[str, Any]] = [
        {"text": text, "second": f"the {text}" if pairs else "", "label": int(text.split()[0] in TREES)}
        | {"number": float(number % 7), "origin": f"row {number}"}
        for number, text in enumerate(texts)
    ]
    schema = kind_of(Task("ships", "", kind, [], *[pl.DataFrame()] * 3, [])).columns
    made = frame([{name: row[name] for name in (*schema, "origin")} for row in rows], dict(schema))
    return Task(
        "ships", "", kind, ["ships", "trees"] if kind == "classes" else [], made[:30], made[30:45], made[45:], []
    )


def back_translation(folder: Path, **given: object) -> Augmentation:
    both = {"folder": str(folder)}
    return Augmentation.model_validate({"way": "back-translation", "there": both, "back": both} | given)


def test_a_text_comes_back(translator: Path) -> None:
    texts = sentences(6)
    there = BackTranslation(back_translation(translator, temperature=0)).legs[0]
    assert there(texts) == [" ".join(OTHER[word] for word in text.split()) for text in texts]
    assert BackTranslation(back_translation(translator, temperature=0, beams=2))(texts, 0) == texts
    assert copied(numbered(task()).train[:4], back_translation(translator, temperature=0)).is_empty()


def test_draws_differ_from_copy_to_copy_and_are_the_same_again(translator: Path) -> None:
    settings = back_translation(translator, temperature=1.5, copies=3)
    rows = numbered(task(pairs=True)).train[:6]
    made = copied(rows, settings)
    assert 6 < len(made) <= 18
    assert made.rows() == copied(rows, settings).rows()
    assert made[ROW].is_sorted()
    assert made.select(ROW, "text", "second").is_unique().all()
    assert all(made["second"].str.len_chars() > 0)
    both = made.join(rows, on=ROW)
    assert (both["label"] == both["label_right"]).all()
    assert ((both["text"] != both["text_right"]) | (both["second"] != both["second_right"])).all()


def test_a_decoder_has_half_its_places_for_the_translation(checkpoint: Path) -> None:
    leg = BackTranslation(back_translation(checkpoint)).legs[0]
    assert leg.most == 32
    assert len(leg([" ".join(["oak"] * 80)])) == 1


def test_only_the_samples_are_altered() -> None:
    made = task()
    rows = drawn_rows(made, [2, 5], 3)
    pool = numbered(made)
    kind = kind_of(made)
    assert set(rows) == {row for seed in range(3) for row in kind.sample(pool, 5, seed)[ROW]} < set(range(30))
    assert drawn_rows(made, [0], 3) == list(range(30))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_one_more_model_learns_from_copies(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    given = {"way": "words", "share": 0.3, "copies": 2}
    recipe = Recipe.model_validate({"epochs": 1, "fewest_steps": 6, "max_length": 32, "augmentation": given})
    made = task(pairs=kind == "numbers", kind=kind)
    assert models_of(made, recipe) == ("pretrained", "random", "augmented")
    data = tmp_path / "scratch" / "ships.parquet"
    data.parent.mkdir()
    made.save(data)
    told = [copy_rows(tmp_path / f"out{n}", data, recipe.augmentation, rows) for n, rows in enumerate(([0, 3], [7, 9]))]
    for number, each in enumerate(told):
        assert each["texts"] == 2
        assert 2 <= each["copies"] <= 4
        (path,) = (tmp_path / f"out{number}" / "scratch").iterdir()
        path.rename(data.parent / path.name)
    copies = copies_of(data, numbered(made).train[[9, 3, 20]])
    assert list(dict.fromkeys(copies[ROW])) == [9, 3]
    fits = {}
    for model in ("pretrained", "augmented"):
        fits[model] = score(tmp_path / model, data, checkpoint, recipe, model, 2, 0, 0.01)
    assert fits["pretrained"]["curve"] != fits["augmented"]["curve"]


def test_without_a_copy_the_labels_are_learnt_alone(checkpoint: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, fewest_steps=4, max_length=32, augmentation=Augmentation(way="words"))
    made, data = task(), tmp_path / "ships.parquet"
    made.save(data)
    numbered(made).train.clear().write_parquet(tmp_path / "ships-copies-0.parquet")
    fits = [score(tmp_path / m, data, checkpoint, recipe, m, 2, 0, 0.01) for m in ("pretrained", "augmented")]
    assert fits[0] == fits[1]


def test_tags_have_no_copies() -> None:
    recipe = Recipe(augmentation=Augmentation(way="words"))
    tags = Task("tags", "", "tags", ["O"], *[pl.DataFrame()] * 3, [])
    assert models_of(tags, recipe) == ("pretrained", "random")


def refusals(masked: Path, checkpoint: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    yield masked, "which writes no text"
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in checkpoint.iterdir():
        (bare / path.name).write_bytes(path.read_bytes())
    PreTrainedTokenizerFast.from_pretrained(checkpoint, eos_token=None).save_pretrained(bare)
    yield bare, "has no end token"


def test_what_cannot_translate_is_said_before_any_fit(masked: Path, checkpoint: Path, tmp_path: Path) -> None:
    for folder, message in refusals(masked, checkpoint, tmp_path):
        with pytest.raises(StageFailure, match=message):
            check_recipe_support(Recipe(augmentation=back_translation(folder)), task(), checkpoint)
    check_recipe_support(Recipe(augmentation=back_translation(checkpoint)), task(), checkpoint)


def test_a_tokenizer_that_needs_a_package(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise ImportError("\nMarianTokenizer requires the SentencePiece library\n")

    monkeypatch.setattr("tasks.downstream.finetuning.back_translation.Tokens", absent)
    with pytest.raises(StageFailure, match="needs a package that is not installed: MarianTokenizer requires"):
        check_recipe_support(Recipe(augmentation=back_translation(checkpoint)), task(), checkpoint)


def test_the_translators_content_enters_the_key(checkpoint: Path, translator: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in checkpoint.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    semantic: Callable[[Path], object] = lambda folder: back_translation(folder).semantic()  # noqa: E731
    assert semantic(copy) == semantic(checkpoint) != semantic(translator)
    with pytest.raises(StageFailure, match=r"evaluate\.recipe\.augmentation: .* holds no config\.json"):
        semantic(tmp_path)
