"""A kept model's folder, opened in a fresh process by transformers alone, gives our predictions."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from safetensors.torch import load_file

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.kept_models.fit import fit_and_save
from tasks.downstream.kept_models.open import KeptModel, open_kept_model
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types.texts import GenerationTask
from tests.downstream.heads.test_heads import make_task
from tests.downstream.stock_heads.test_stock_heads import make_family

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

FINETUNING = {"head": "stock", "epochs": 2, "min_steps": 12, "max_length": 24, "max_target_length": 6}
ROWS = 6

PREAMBLE = """
import json, sys
from pathlib import Path
sys.modules["tasks"] = sys.modules["flows"] = None  # what is not there, as with those who get the folder
import torch
from transformers import AutoModelForQuestionAnswering, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification
from transformers import AutoTokenizer, pipeline
folder, rows = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
tokenizer = AutoTokenizer.from_pretrained(folder)
"""
CLASSES = """
texts = [{"text": r["text"], "text_pair": r["second"]} if r["second"] else r["text"] for r in rows]
answer = pipeline("text-classification", folder)
print(json.dumps([answer(text, truncation=True, top_k=None) for text in texts]))
"""
TAGS = """
answer = pipeline("token-classification", folder, ignore_labels=[])
texts = [r["between"].join(r["words"]) for r in rows]
print(json.dumps([[(e["start"], e["entity"], float(e["score"])) for e in answer(text)] for text in texts]))
"""
ANSWERS = """
model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
found = []
for r in rows:
    inputs = tokenizer(r["question"], r["context"], truncation="only_second", return_offsets_mapping=True,
                       return_tensors="pt")
    offsets = inputs.pop("offset_mapping")[0].tolist()
    inside = torch.tensor([number == 1 for number in inputs.sequence_ids(0)])
    with torch.no_grad():
        outputs = model(**inputs)
    spans = outputs.start_logits[0][:, None] + outputs.end_logits[0][None, :]
    spans = spans.masked_fill(~(inside[:, None] & inside[None, :]), -1e9)
    spans = spans.masked_fill(torch.ones_like(spans).triu() == 0, -1e9)
    start, end = divmod(int(spans.argmax()), len(offsets))
    found.append((r["context"][offsets[start][0] : offsets[end][1]], float(spans.max())))
print(json.dumps(found))
"""
SEQ2SEQ = """
model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
found = []
for r in rows:
    ids = model.generate(**tokenizer(r["text"], truncation=True, return_tensors="pt"))[0]
    found.append(tokenizer.decode(ids, skip_special_tokens=True).strip())
print(json.dumps(found))
"""
CAUSAL = """
answer = pipeline("text-generation", folder)
texts = [answer(r["text"], return_full_text=False)[0]["generated_text"].strip() for r in rows]
print(json.dumps(texts))
"""


def run_stock_code(code: str, folder: Path, rows: pl.DataFrame, tmp_path: Path) -> Any:
    """Run code of transformers in a fresh process that cannot import this project."""
    data = tmp_path / "rows.json"
    data.write_text(json.dumps(rows.to_dicts()))
    command = [sys.executable, "-W", "ignore", "-c", PREAMBLE + code, str(folder), str(data)]
    environment = {"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def make_texts() -> Task:
    """Write the first word of the text."""
    words = ["oak", "sail", "violin", "drum", "leaf"]
    rows = [
        {"text": f"{words[number % 5]} the old {words[number % 3]}", "wanted": [words[number % 5]], "origin": ""}
        for number in range(40)
    ]
    table = build_table(rows, GenerationTask.columns)  # type: ignore[arg-type]
    return Task("written", "", "texts", [], table[:24], table[24:30], table[30:], [])


def make_data(kind: str) -> Task:
    return make_texts() if kind == "texts" else make_task(kind)


def keep(data: Task, checkpoint: Path, tmp_path: Path, **changes: Any) -> tuple[Path, KeptModel]:
    """Fit a model, keep it, and open its folder as an evaluation does."""
    task_file, folder = tmp_path / "task.parquet", tmp_path / "kept"
    data.save(task_file)
    finetuning = FineTuning.model_validate(FINETUNING | changes)
    fit_and_save(folder, task_file, checkpoint, finetuning, "pretrained", 0, 0, 0.01)
    return folder, open_kept_model(folder, data, finetuning)


def predict(model: KeptModel, rows: pl.DataFrame) -> list[dict[str, Any]]:
    with use_one_thread():
        return model.evaluate(model.make_examples(model.tokenizer, rows))[1].to_dicts()


@pytest.fixture
def find_checkpoint(checkpoint: Path, masked: Path, tmp_path: Path) -> Callable[[str], Path]:
    def find(family: str) -> Path:
        known = {"gpt2": checkpoint, "bert": masked}
        return known[family] if family in known else make_family(family, tmp_path / family)

    return find


def list_probabilities(answers: list[list[dict[str, Any]]], names: list[str]) -> list[list[float]]:
    by_name = [{answer["label"]: answer["score"] for answer in row} for row in answers]
    return [[row[name] for name in names] for row in by_name]


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_pairs_are_classified_alike(family: str, find_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    data = make_data("classes")
    rows = pl.concat([data.test.head(ROWS), data.test.head(1).with_columns(text=pl.lit("oak <eos> sail " * 30))])
    folder, model = keep(data, find_checkpoint(family), tmp_path)
    theirs = list_probabilities(run_stock_code(CLASSES, folder, rows, tmp_path), data.names)
    for ours, other in zip(predict(model, rows), theirs, strict=True):
        assert ours["probabilities"] == pytest.approx(other, abs=1e-4)
    assert json.loads((folder / "config.json").read_text())["id2label"] == {"0": "two", "1": "one"}


def test_single_texts_are_classified_alike(masked: Path, tmp_path: Path) -> None:
    data = make_data("classes")
    parts = [part.with_columns(second=pl.lit("")) for part in data.parts.values()]
    data = Task("alone", "", "classes", data.names, *parts, [])
    folder, model = keep(data, masked, tmp_path)
    rows = data.test.head(ROWS)
    theirs = list_probabilities(run_stock_code(CLASSES, folder, rows, tmp_path), data.names)
    for ours, other in zip(predict(model, rows), theirs, strict=True):
        assert ours["probabilities"] == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_numbers_are_told_alike_in_their_own_unit(
    family: str, find_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    data = make_data("numbers")
    parts = [part.with_columns(pl.col("number") * 2000 + 500) for part in data.parts.values()]
    data = Task("prices", "", "numbers", [], *parts, [])
    folder, model = keep(data, find_checkpoint(family), tmp_path)
    rows = data.test.head(ROWS)
    theirs = [row[0]["score"] for row in run_stock_code(CLASSES, folder, rows, tmp_path)]
    assert [answer["predicted"] for answer in predict(model, rows)] == pytest.approx(theirs, rel=1e-4)
    assert 400 < sum(theirs) / len(theirs) < 2600, "near the numbers of the training part, not near 0"


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_words_are_tagged_alike(family: str, find_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    data = make_data("tags")
    folder, model = keep(data, find_checkpoint(family), tmp_path)
    rows = data.test.head(ROWS)
    theirs = run_stock_code(TAGS, folder, rows, tmp_path)
    for ours, tokens, row in zip(predict(model, rows), theirs, rows.iter_rows(named=True), strict=True):
        starts = {start: (label, confidence) for start, label, confidence in tokens}
        position = 0
        for word, tag, confidence in zip(row["words"], ours["predicted"], ours["confidences"], strict=True):
            label, other = starts[position]
            assert label == data.names[tag]
            assert other == pytest.approx(confidence, abs=1e-4)
            position += len(word) + 1


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_questions_are_answered_alike(family: str, find_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    data = make_data("answers")
    folder, model = keep(data, find_checkpoint(family), tmp_path)
    rows = data.test.filter(pl.col("context").str.len_chars() < 60).head(ROWS)
    assert len(rows) > 1
    for ours, (text, confidence) in zip(
        predict(model, rows), run_stock_code(ANSWERS, folder, rows, tmp_path), strict=True
    ):
        assert ours["predicted"] == text
        assert ours["confidence"] == pytest.approx(confidence, abs=1e-4)


def test_marked_spans_are_related_alike(masked: Path, tmp_path: Path) -> None:
    data = make_data("relations")
    folder, model = keep(data, masked, tmp_path)
    rows = data.test.head(ROWS)
    marked = [f" {sign} {first} {sign}  the  {other} {second} {other} " for first, second, sign, other in (
        (*row["text"].split(" the "), "@", "#") for row in rows.iter_rows(named=True)
    )]  # fmt: skip
    theirs = list_probabilities(
        run_stock_code(CLASSES, folder, rows.select("second").with_columns(text=pl.Series(marked)), tmp_path),
        data.names,
    )
    for ours, other in zip(predict(model, rows), theirs, strict=True):
        assert ours["probabilities"] == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize(("family", "code"), [("t5", SEQ2SEQ), ("bart", SEQ2SEQ), ("gpt2", CAUSAL), ("llama", CAUSAL)])
def test_texts_are_written_alike(
    family: str, code: str, find_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    data = make_data("texts")
    folder, model = keep(data, find_checkpoint(family), tmp_path, min_steps=80)
    rows = data.test.head(ROWS)
    written = [answer["written"] for answer in predict(model, rows)]
    assert run_stock_code(code, folder, rows.select("text"), tmp_path) == written
    assert any(written)


PEFT = """
from peft import PeftModel
settings = {"num_labels": 2, "pad_token_id": tokenizer.pad_token_id}
base = AutoModelForSequenceClassification.from_pretrained(sys.argv[3], **settings)
model = PeftModel.from_pretrained(base, folder + "/peft").eval()
found = []
for r in rows:
    with torch.no_grad():
        logits = model(**tokenizer(r["text"], r["second"], truncation=True, return_tensors="pt")).logits
    found.append(torch.softmax(logits[0], 0).tolist())
print(json.dumps(found))
"""


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_lora_is_merged_and_opens_with_peft_too(
    family: str, find_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    data, source = make_data("classes"), find_checkpoint(family)
    folder, model = keep(data, source, tmp_path, method={"kind": "lora"})
    rows = data.test.head(ROWS)
    ours = [answer["probabilities"] for answer in predict(model, rows)]
    merged = list_probabilities(run_stock_code(CLASSES, folder, rows, tmp_path), data.names)
    apart = run_stock_code(PEFT.replace("sys.argv[3]", repr(str(source))), folder, rows, tmp_path)
    for one, two, three in zip(ours, merged, apart, strict=True):
        assert one == pytest.approx(two, abs=1e-4)
        assert one == pytest.approx(three, abs=1e-4)
    assert not [name for name in load_file(folder / "model.safetensors") if "lora" in name]


def test_the_same_fit_gives_the_same_bytes(masked: Path, tmp_path: Path) -> None:
    folders = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folders.append(keep(make_data("classes"), masked, tmp_path / name, method={"kind": "lora"})[0])
    names = sorted(path.relative_to(folders[0]) for path in folders[0].rglob("*") if path.is_file())
    assert len(names) >= 6
    for path in names:
        assert (folders[0] / path).read_bytes() == (folders[1] / path).read_bytes(), path
