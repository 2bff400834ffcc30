from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast, T5Config

from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.check_support import check_recipe_support
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.continued_pretraining import (
    continue_pretraining,
    continued_folder,
    list_texts,
    select_texts,
)
from tasks.downstream.finetuning.lm_losses import (
    CausalObjective,
    MaskedObjective,
    PretrainingObjective,
    SpanObjective,
    find_objective,
)
from tasks.downstream.finetuning.shards import fit_and_score
from tasks.downstream.finetuning.variants import list_models
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_encoder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.continued_pretraining import ContinuedPretraining
from tasks.downstream.settings.finetuning import FineTuning
from tasks.errors import StageFailure

FINETUNING = FineTuning(
    epochs=1,
    min_steps=8,
    max_length=32,
    continued_pretraining=ContinuedPretraining(enabled=True, epochs=3, batch_size=8, learning_rate=0.02),
)


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    with use_one_thread():
        yield


@pytest.fixture
def task(heldout: pl.DataFrame) -> Task:
    (site_task,) = SiteSection(passage_words=12, min_words=6, min_passages_per_class=8).make_tasks(heldout)
    return site_task


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A T5 of one layer, and a tokenizer with ten sentinels."""
    folder = tmp_path_factory.mktemp("spans")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.add_tokens([f"<extra_id_{number}>" for number in range(10)], special_tokens=True)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"d_model": 16, "d_ff": 32, "d_kv": 8, "num_layers": 1, "num_heads": 2}
    config = T5Config(vocab_size=len(tokenizer), **shape, decoder_start_token_id=0, eos_token_id=3)
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    return folder


def load_objective(folder: Path, rate: float = 0.15) -> PretrainingObjective:
    return find_objective(folder)(folder, CheckpointTokenizer(folder, 32), rate).eval()


def test_every_model_has_its_objective(checkpoint: Path, masked: Path, spans: Path) -> None:
    assert [find_objective(folder) for folder in (checkpoint, masked, spans)] == [
        CausalObjective,
        MaskedObjective,
        SpanObjective,
    ]


def test_the_next_token_is_predicted(checkpoint: Path) -> None:
    causal, texts = load_objective(checkpoint), [[5, 6, 7, 8], [9, 10]]
    losses = causal.compute_losses(texts, np.random.default_rng(0))
    for ids, own in zip(texts, losses.split([3, 1]), strict=True):
        stock = causal.model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids])).loss
        assert float(own.mean().detach()) == pytest.approx(float(stock.detach()), rel=1e-5)


def test_a_fraction_of_the_tokens_is_masked(masked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masked_objective, texts = load_objective(masked, 0.5), [[0, *range(5, 25), 3]] * 60
    shown = []
    forward = masked_objective.model.forward

    def watched(**inputs: torch.Tensor) -> object:
        shown.append(inputs["input_ids"])
        return forward(**inputs)

    monkeypatch.setattr(masked_objective.model, "forward", watched)
    assert len(masked_objective.compute_losses(texts, np.random.default_rng(0))) == 60 * 10
    (shown_BT,) = shown
    true_BT = torch.tensor(texts)
    assert (shown_BT[:, [0, -1]] == true_BT[:, [0, -1]]).all(), "special tokens stay"
    assert (shown_BT == masked_objective.mask_id).sum() == pytest.approx(0.8 * 600, rel=0.1)
    assert (shown_BT != true_BT).sum() == pytest.approx(0.9 * 600, rel=0.1)


def test_spans_are_written_behind_their_sentinels(spans: Path) -> None:
    span_objective, ids = load_objective(spans, 0.3), [*range(5, 25), 3]
    assert isinstance(span_objective, SpanObjective)
    for seed in range(20):
        source, target = span_objective._corrupt(ids, np.random.default_rng(seed))
        assert target[-1] == 3
        parts: dict[int, list[int]] = {}
        for token in target[:-1]:
            if token in span_objective.sentinels:
                last = parts.setdefault(token, [])
            else:
                last.append(token)
        assert [token for each in source for token in parts.get(each, [each])] == ids
        assert list(parts) == span_objective.sentinels[: len(parts)]
        assert 1 <= sum(map(len, parts.values())) <= 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["checkpoint", "masked", "spans"])
def test_a_checkpoint_reads_the_tasks_texts(
    name: str, task: Task, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(name)
    data = tmp_path / "scratch" / "site.parquet"
    data.parent.mkdir()
    task.save(data)
    counts = [continue_pretraining(tmp_path / out, data, folder, FINETUNING) for out in ("out", "again")]
    assert counts[0] == counts[1]
    assert counts[0]["loss after"] < counts[0]["loss before"] - 0.1
    assert counts[0]["texts"] == len(set(list_texts(task, "train")))
    assert counts[0]["steps"] == -(-3 * counts[0]["texts"] // 8)
    trained = tmp_path / "out" / "scratch" / "site-continued"
    for path in trained.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / "scratch" / trained.name / path.name).read_bytes()
    before, after = (load_encoder(name, random=False, seed=0).state_dict() for name in (folder, trained))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    trained.rename(continued_folder(data))
    assert list_models(task, FINETUNING) == ("pretrained", "random", "continued")
    fits = [
        fit_and_score(tmp_path / name, data, folder, FINETUNING, name, 4, 0, 0.01)
        for name in ("pretrained", "continued")
    ]
    assert fits[0]["curve"] != fits[1]["curve"]


def test_what_is_asked_later_is_not_read(task: Task, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text(
        "\n".join(["old oak", "old oak", "a mast", list_texts(task, "test")[0], list_texts(task, "validation")[0]])
    )
    texts, left_out = select_texts(ContinuedPretraining(enabled=True, file=str(path)), task)
    assert (sorted(texts), left_out) == (["a mast", "old oak"], 2)
    assert len(select_texts(ContinuedPretraining(enabled=True, max_texts=3), task)[0]) == 3
    path.write_text(list_texts(task, "test")[0])
    data = tmp_path / "site.parquet"
    task.save(data)
    finetuning = FineTuning(continued_pretraining=ContinuedPretraining(enabled=True, file=str(path)))
    with pytest.raises(
        StageFailure, match=r"no text of two tokens .* Give evaluate\.finetuning\.continued_pretraining\.file more"
    ):
        continue_pretraining(tmp_path / "out", data, checkpoint, finetuning)


def test_what_has_no_objective_is_refused(
    task: Task, checkpoint: Path, masked: Path, spans: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)).save_pretrained(bare)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(bare)
    with pytest.raises(StageFailure, match="is BertModel, whose head predicts no token"):
        check_recipe_support(FINETUNING, task, bare)
    for folder, message in ((masked, "has no mask token"), (spans, "has no sentinel <extra_id_0>")):
        poor = tmp_path / folder.name
        poor.mkdir()
        for path in folder.iterdir():
            (poor / path.name).write_bytes(path.read_bytes())
        plain = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
        PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<eos>").save_pretrained(poor)
        with pytest.raises(StageFailure, match=message):
            check_recipe_support(FINETUNING, task, poor)
        check_recipe_support(FINETUNING, task, folder)


def test_texts_that_are_not_read_do_not_enter_the_key(tmp_path: Path) -> None:
    path, other = tmp_path / "texts.txt", tmp_path / "other.txt"
    path.write_text("old oak\n")
    other.write_text("old oak\n")
    semantic = ContinuedPretraining(enabled=True, file=str(path)).semantic()
    assert ContinuedPretraining(enabled=True, file=str(other)).semantic() == semantic
    other.write_text("a mast\n")
    assert ContinuedPretraining(enabled=True, file=str(other)).semantic() != semantic
    assert ContinuedPretraining(file=str(path)).semantic() == ContinuedPretraining(max_texts=3).semantic()
