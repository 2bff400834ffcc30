import json
from pathlib import Path

import pytest

from tasks.errors import StageFailure
from tasks.inference.abilities import describe_folder
from tasks.inference.open import open_answering_model
from tasks.inference.writing import ContinuingModel, FillingModel, Sampling


def write(model: ContinuingModel, prompt: str, **sampling: float) -> list[str]:
    pieces: list[str] = []
    model.write_answer(prompt, Sampling(**({"max_tokens": 12} | sampling)), pieces.append)  # type: ignore[arg-type]
    return pieces


def test_a_prompt_is_continued_piece_by_piece_and_alike_with_one_seed(checkpoint: Path) -> None:
    model = ContinuingModel(checkpoint)
    pieces = write(model, "the oak")
    assert len(pieces) > 3, "not all at once"
    assert "the oak" not in pieces[0]
    assert write(model, "the oak") == pieces
    assert write(model, "the oak", seed=1) != pieces
    likeliest = write(model, "the oak", temperature=0)
    assert likeliest == write(model, "the oak", temperature=0, seed=1) != pieces
    assert write(model, "the oak", top_k=1) == likeliest
    assert write(model, "the oak", top_p=1e-6) == likeliest


def test_repetition_may_be_punished(checkpoint: Path) -> None:
    model = ContinuingModel(checkpoint)
    plain = "".join(write(model, "oak", temperature=0)).split()
    punished = "".join(write(model, "oak", temperature=0, repetition_penalty=10.0)).split()
    assert len(set(punished)) > len(set(plain))


def test_of_a_prompt_that_is_too_long_the_end_is_read(checkpoint: Path) -> None:
    model = ContinuingModel(checkpoint)
    assert write(model, "sail " * 500 + "oak", temperature=0) == write(model, "sail " * 80 + "oak", temperature=0)
    assert write(model, "oak", max_tokens=10_000), "as many tokens as there are positions"
    assert write(model, ""), "an empty prompt begins a text"


def test_masks_are_filled_however_they_are_spelled(masked: Path) -> None:
    model = FillingModel(masked)
    (one,) = model.fill_masks("the [MASK] of ships")
    assert model.fill_masks("the ___ of ships") == [one]
    assert model.fill_masks("the <mask> of ships") == [one]
    assert len(one) == 5
    assert one[0].probability >= one[-1].probability > 0
    assert len(model.fill_masks("___ and ___")) == 2
    with pytest.raises(StageFailure, match="no mask"):
        model.fill_masks("the oak")


def test_a_folder_says_what_it_can_do(checkpoint: Path, masked: Path, tmp_path: Path) -> None:
    assert describe_folder(checkpoint).ability == "continue"
    assert describe_folder(masked).ability == "fill"
    with pytest.raises(StageFailure, match="holds no model"):
        open_answering_model(tmp_path)
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"]}')
    with pytest.raises(StageFailure, match="neither writes nor predicts"):
        open_answering_model(tmp_path)
    labels = {"architectures": ["BertForTokenClassification"], "id2label": {"0": "LABEL_0", "1": "LABEL_1"}}
    (tmp_path / "config.json").write_text(json.dumps(labels))
    with pytest.raises(StageFailure, match=r"none of the labels of .* is O.*LABEL_0, LABEL_1"):
        open_answering_model(tmp_path)
    (tmp_path / "textmill.json").write_text("{}")
    with pytest.raises(StageFailure, match="no record of a fine-tuned model"):
        open_answering_model(tmp_path)
