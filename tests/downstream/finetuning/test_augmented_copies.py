"""Altered copies, by words and by a small model that was taught to swap two vocabularies."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, BartConfig, PreTrainedTokenizerFast

from tasks.downstream.check_support import check_recipe_support
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.augmented_copies import find_sampled_rows, make_copies, read_copies, write_copies
from tasks.downstream.finetuning.back_translation import BackTranslation
from tasks.downstream.finetuning.shards import fit_and_score
from tasks.downstream.finetuning.split_examples import ROW, number_rows
from tasks.downstream.finetuning.variants import list_models
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.generator import TextGenerator
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

TREES, SHIPS = ["oak", "birch", "leaf", "root"], ["sail", "mast", "deck", "tide"]
OTHER = dict(zip(TREES + SHIPS, SHIPS + TREES, strict=True))
END = 3


def make_sentences(number: int, words: int = 3) -> list[str]:
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
    with use_one_thread():
        torch.manual_seed(0)
        AutoModelForSeq2SeqLM.from_config(BartConfig(**shape, **special)).save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((checkpoint / name).read_bytes())
        generator, tokenizer = TextGenerator.load(folder, END, random=False, seed=0), CheckpointTokenizer(folder, 32)
        optimizer = torch.optim.AdamW(generator.parameters(), 0.01)
        for _ in range(60):
            texts = make_sentences(32)
            translations = [" ".join(OTHER[word] for word in text.split()) for text in texts]
            sources, targets = (
                [[*ids, END] for ids in tokenizer.encode_untruncated(side)] for side in (texts, translations)
            )
            optimizer.zero_grad()
            generator.compute_losses(sources, targets).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    generator.body.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    with use_one_thread():
        yield


def make_task(pairs: bool = False, kind: str = "classes") -> Task:
    texts = list(dict.fromkeys(make_sentences(400)))[:60]
    rows: list[dict[str, Any]] = [
        {"text": text, "second": f"the {text}" if pairs else "", "label": int(text.split()[0] in TREES)}
        | {"number": float(number % 7), "origin": f"row {number}"}
        for number, text in enumerate(texts)
    ]
    schema = load_task_type(Task("ships", "", kind, [], *[pl.DataFrame()] * 3, [])).columns
    examples = build_table([{name: row[name] for name in (*schema, "origin")} for row in rows], dict(schema))
    return Task(
        "ships",
        "",
        kind,
        ["ships", "trees"] if kind == "classes" else [],
        examples[:30],
        examples[30:45],
        examples[45:],
        [],
    )


def make_augmentation(folder: Path, **settings: object) -> Augmentation:
    both = {"folder": str(folder)}
    return Augmentation.model_validate(
        {"method": "back-translation", "forward_model": both, "backward_model": both} | settings
    )


def test_a_text_comes_back(translator: Path) -> None:
    texts = make_sentences(6)
    forward = BackTranslation(make_augmentation(translator, temperature=0)).steps[0]
    assert forward(texts) == [" ".join(OTHER[word] for word in text.split()) for text in texts]
    assert BackTranslation(make_augmentation(translator, temperature=0, num_beams=2))(texts, 0) == texts
    assert make_copies(number_rows(make_task()).train[:4], make_augmentation(translator, temperature=0)).is_empty()


def test_draws_differ_from_copy_to_copy_and_are_the_same_again(translator: Path) -> None:
    settings = make_augmentation(translator, temperature=1.5, max_copies=3)
    rows = number_rows(make_task(pairs=True)).train[:6]
    copies = make_copies(rows, settings)
    assert 6 < len(copies) <= 18
    assert copies.rows() == make_copies(rows, settings).rows()
    assert copies[ROW].is_sorted()
    assert copies.select(ROW, "text", "second").is_unique().all()
    assert all(copies["second"].str.len_chars() > 0)
    both = copies.join(rows, on=ROW)
    assert (both["label"] == both["label_right"]).all()
    assert ((both["text"] != both["text_right"]) | (both["second"] != both["second_right"])).all()


def test_a_decoder_has_half_its_positions_for_the_translation(checkpoint: Path) -> None:
    step = BackTranslation(make_augmentation(checkpoint)).steps[0]
    assert step.max_length == 32
    assert len(step([" ".join(["oak"] * 80)])) == 1


def test_only_the_samples_are_altered() -> None:
    ships = make_task()
    rows = find_sampled_rows(ships, [2, 5], range(3))
    pool = number_rows(ships)
    kind = load_task_type(ships)
    assert set(rows) == {row for seed in range(3) for row in kind.sample(pool, 5, seed)[ROW]} < set(range(30))
    assert find_sampled_rows(ships, [0], range(3)) == list(range(30))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_one_more_model_learns_from_copies(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    augmentation = {"method": "words", "word_fraction": 0.3, "max_copies": 2}
    finetuning = FineTuning.model_validate(
        {"epochs": 1, "min_steps": 6, "max_length": 32, "augmentation": augmentation}
    )
    ships = make_task(pairs=kind == "numbers", kind=kind)
    assert list_models(ships, finetuning) == ("pretrained", "random", "augmented")
    data = tmp_path / "scratch" / "ships.parquet"
    data.parent.mkdir()
    ships.save(data)
    shard_counts = [
        write_copies(tmp_path / f"out{n}", data, finetuning.augmentation, rows)
        for n, rows in enumerate(([0, 3], [7, 9]))
    ]
    for number, counts in enumerate(shard_counts):
        assert counts["texts"] == 2
        assert 2 <= counts["copies"] <= 4
        (path,) = (tmp_path / f"out{number}" / "scratch").iterdir()
        path.rename(data.parent / path.name)
    copies = read_copies(data, number_rows(ships).train[[9, 3, 20]])
    assert list(dict.fromkeys(copies[ROW])) == [9, 3]
    fits = {}
    for model in ("pretrained", "augmented"):
        fits[model] = fit_and_score(tmp_path / model, data, checkpoint, finetuning, model, 2, 0, 0.01)
    assert fits["pretrained"]["curve"] != fits["augmented"]["curve"]


def test_without_a_copy_the_labels_are_learnt_alone(checkpoint: Path, tmp_path: Path) -> None:
    finetuning = FineTuning(epochs=1, min_steps=4, max_length=32, augmentation=Augmentation(method="words"))
    ships, data = make_task(), tmp_path / "ships.parquet"
    ships.save(data)
    number_rows(ships).train.clear().write_parquet(tmp_path / "ships-copies-0.parquet")
    fits = [
        fit_and_score(tmp_path / m, data, checkpoint, finetuning, m, 2, 0, 0.01) for m in ("pretrained", "augmented")
    ]
    assert fits[0] == fits[1]


def test_tags_have_no_copies() -> None:
    finetuning = FineTuning(augmentation=Augmentation(method="words"))
    tags = Task("tags", "", "tags", ["O"], *[pl.DataFrame()] * 3, [])
    assert list_models(tags, finetuning) == ("pretrained", "random")


def iterate_unusable_models(masked: Path, checkpoint: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    yield masked, "which generates no text"
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in checkpoint.iterdir():
        (bare / path.name).write_bytes(path.read_bytes())
    PreTrainedTokenizerFast.from_pretrained(checkpoint, eos_token=None).save_pretrained(bare)
    yield bare, "has no end token"


def test_what_cannot_translate_is_said_before_any_fit(masked: Path, checkpoint: Path, tmp_path: Path) -> None:
    for folder, message in iterate_unusable_models(masked, checkpoint, tmp_path):
        with pytest.raises(StageFailure, match=message):
            check_recipe_support(FineTuning(augmentation=make_augmentation(folder)), make_task(), checkpoint)
    check_recipe_support(FineTuning(augmentation=make_augmentation(checkpoint)), make_task(), checkpoint)


def test_a_tokenizer_that_needs_a_package(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise ImportError("\nMarianTokenizer requires the SentencePiece library\n")

    monkeypatch.setattr("tasks.downstream.finetuning.back_translation.CheckpointTokenizer", absent)
    with pytest.raises(StageFailure, match="needs a package that is not installed: MarianTokenizer requires"):
        check_recipe_support(FineTuning(augmentation=make_augmentation(checkpoint)), make_task(), checkpoint)


def test_the_translators_content_enters_the_key(checkpoint: Path, translator: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in checkpoint.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    semantic: Callable[[Path], object] = lambda folder: make_augmentation(folder).semantic()  # noqa: E731
    assert semantic(copy) == semantic(checkpoint) != semantic(translator)
    with pytest.raises(StageFailure, match=r"evaluate\.finetuning\.augmentation: .* holds no config\.json"):
        semantic(tmp_path)
