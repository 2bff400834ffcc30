from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast, T5Config

from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.continued_pretraining import asked, continue_pretraining, continued_folder, texts_of
from tasks.downstream.finetuning.lm_losses import MaskedTokens, NextToken, OwnObjective, Spans, objective_of
from tasks.downstream.finetuning.shards import score
from tasks.downstream.finetuning.variants import models_of
from tasks.downstream.models.encoder import Tokens, load
from tasks.downstream.models.one_thread import one_thread
from tasks.downstream.settings.continued_pretraining import Continued
from tasks.downstream.settings.finetuning import Recipe
from tasks.errors import StageFailure
from tasks.evaluate.preflight import check_recipe_support

RECIPE = Recipe(
    epochs=1, fewest_steps=8, max_length=32, continued=Continued(enabled=True, epochs=3, batch=8, learning_rate=0.02)
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def task(heldout: pl.DataFrame) -> Task:
    (made,) = SiteSection(passage_words=12, fewest_words=6, fewest_passages=8).tasks(heldout)
    return made


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


def objective(folder: Path, rate: float = 0.15) -> OwnObjective:
    return objective_of(folder)(folder, Tokens(folder, 32), rate).eval()


def test_every_model_has_its_objective(checkpoint: Path, masked: Path, spans: Path) -> None:
    assert [objective_of(each) for each in (checkpoint, masked, spans)] == [NextToken, MaskedTokens, Spans]


def test_the_next_token_is_foretold(checkpoint: Path) -> None:
    made, texts = objective(checkpoint), [[5, 6, 7, 8], [9, 10]]
    losses = made.losses(texts, np.random.default_rng(0))
    for ids, own in zip(texts, losses.split([3, 1]), strict=True):
        stock = made.model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids])).loss
        assert float(own.mean().detach()) == pytest.approx(float(stock.detach()), rel=1e-5)


def test_a_share_of_the_tokens_is_masked(masked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, texts = objective(masked, 0.5), [[0, *range(5, 25), 3]] * 60
    shown = []
    forward = made.model.forward

    def watched(**given: torch.Tensor) -> object:
        shown.append(given["input_ids"])
        return forward(**given)

    monkeypatch.setattr(made.model, "forward", watched)
    assert len(made.losses(texts, np.random.default_rng(0))) == 60 * 10
    (shown_BT,) = shown
    true_BT = torch.tensor(texts)
    assert (shown_BT[:, [0, -1]] == true_BT[:, [0, -1]]).all(), "special tokens stay"
    assert (shown_BT == made.mask).sum() == pytest.approx(0.8 * 600, rel=0.1)
    assert (shown_BT != true_BT).sum() == pytest.approx(0.9 * 600, rel=0.1)


def test_spans_are_written_behind_their_sentinels(spans: Path) -> None:
    made, ids = objective(spans, 0.3), [*range(5, 25), 3]
    assert isinstance(made, Spans)
    for seed in range(20):
        source, target = made._corrupted(ids, np.random.default_rng(seed))
        assert target[-1] == 3
        parts: dict[int, list[int]] = {}
        for token in target[:-1]:
            if token in made.sentinels:
                last = parts.setdefault(token, [])
            else:
                last.append(token)
        assert [token for each in source for token in parts.get(each, [each])] == ids
        assert list(parts) == made.sentinels[: len(parts)]
        assert 1 <= sum(map(len, parts.values())) <= 6


@pytest.mark.parametrize("name", ["checkpoint", "masked", "spans"])
def test_a_checkpoint_reads_the_tasks_texts(
    name: str, task: Task, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(name)
    data = tmp_path / "scratch" / "site.parquet"
    data.parent.mkdir()
    task.save(data)
    told = [continue_pretraining(tmp_path / out, data, folder, RECIPE) for out in ("out", "again")]
    assert told[0] == told[1]
    assert told[0]["loss after"] < told[0]["loss before"] - 0.1
    assert told[0]["texts"] == len(set(asked(task, "train")))
    assert told[0]["steps"] == -(-3 * told[0]["texts"] // 8)
    made = tmp_path / "out" / "scratch" / "site-continued"
    for path in made.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / "scratch" / made.name / path.name).read_bytes()
    before, after = (load(each, random=False, seed=0).state_dict() for each in (folder, made))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[each], after[each]) for each in before)
    made.rename(continued_folder(data))
    assert models_of(task, RECIPE) == ("pretrained", "random", "continued")
    fits = [score(tmp_path / each, data, folder, RECIPE, each, 4, 0, 0.01) for each in ("pretrained", "continued")]
    assert fits[0]["curve"] != fits[1]["curve"]


def test_what_is_asked_later_is_not_read(task: Task, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(["old oak", "old oak", "a mast", asked(task, "test")[0], asked(task, "validation")[0]]))
    texts, left_out = texts_of(Continued(enabled=True, file=str(path)), task)
    assert (sorted(texts), left_out) == (["a mast", "old oak"], 2)
    assert len(texts_of(Continued(enabled=True, most=3), task)[0]) == 3
    path.write_text(asked(task, "test")[0])
    data = tmp_path / "site.parquet"
    task.save(data)
    recipe = Recipe(continued=Continued(enabled=True, file=str(path)))
    with pytest.raises(StageFailure, match=r"no text of two tokens .* Give evaluate\.recipe\.continued\.file more"):
        continue_pretraining(tmp_path / "out", data, checkpoint, recipe)


def test_what_has_no_objective_is_refused(
    task: Task, checkpoint: Path, masked: Path, spans: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)).save_pretrained(bare)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(bare)
    with pytest.raises(StageFailure, match="is BertModel, whose head foretells no token"):
        check_recipe_support(RECIPE, task, bare)
    for folder, message in ((masked, "has no mask token"), (spans, "has no sentinel <extra_id_0>")):
        poor = tmp_path / folder.name
        poor.mkdir()
        for path in folder.iterdir():
            (poor / path.name).write_bytes(path.read_bytes())
        plain = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
        PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<eos>").save_pretrained(poor)
        with pytest.raises(StageFailure, match=message):
            check_recipe_support(RECIPE, task, poor)
        check_recipe_support(RECIPE, task, folder)


def test_texts_that_are_not_read_do_not_enter_the_key(tmp_path: Path) -> None:
    path, other = tmp_path / "texts.txt", tmp_path / "other.txt"
    path.write_text("old oak\n")
    other.write_text("old oak\n")
    semantic = Continued(enabled=True, file=str(path)).semantic()
    assert Continued(enabled=True, file=str(other)).semantic() == semantic
    other.write_text("a mast\n")
    assert Continued(enabled=True, file=str(other)).semantic() != semantic
    assert Continued(file=str(path)).semantic() == Continued(most=3).semantic()
