"""What comes out must open with stock transformers: the checks run in a process that cannot see Textmill."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.pretrain.export import export
from tasks.pretrain.loop import Training, train

from .conftest import small

STOCK = """
import sys, warnings, torch
from transformers import (AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer, pipeline)
folder, family = sys.argv[1:]
assert "tasks" not in sys.modules
tokenizer = AutoTokenizer.from_pretrained(folder)
given = tokenizer("Return the name of the file.", return_tensors="pt")
assert set(given) == {"input_ids", "attention_mask"}, set(given)
assert tokenizer.model_max_length == 32
assert AutoModel.from_pretrained(folder)(**given).last_hidden_state.shape[-1] == 32
ids = given["input_ids"][0].tolist()
assert ids[0] == 2, "the model has learnt that documents begin with <bos>"
assert (ids[-1] == 3) == (family == "bert"), "a prompt that ends in <eos> has nothing to go on with"
if family == "gpt2":
    model = AutoModelForCausalLM.from_pretrained(folder)
    text = pipeline("text-generation", model=folder)("Return the", max_new_tokens=5)[0]["generated_text"]
    assert text.startswith("Return the"), text
else:
    model = AutoModelForMaskedLM.from_pretrained(folder)
    found = pipeline("fill-mask", model=folder)("Return the <mask> of")
    assert len(found) == 5 and found[0]["score"] >= found[1]["score"], found
print(sum(parameter.double().sum().item() for parameter in model.parameters()))
"""


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_the_folder_opens_without_our_code(
    training: Callable[..., Training], tokens: Path, tmp_path: Path, family: str
) -> None:
    run = training(small(family=family))
    train(run, report=lambda *_: None, stopped=lambda: False, seconds=1e9)
    export(run, tokens / "tokenizer", tmp_path / "out", [])
    arguments = [sys.executable, "-c", STOCK, str(tmp_path / "out"), family]
    opened = subprocess.run(arguments, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert opened.returncode == 0, opened.stderr
    ours = sum(parameter.detach().double().sum().item() for parameter in run.parameters)
    assert float(opened.stdout.splitlines()[-1]) == pytest.approx(ours, rel=1e-9)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "metrics.jsonl", "summary.md"} <= names
    assert ("generation_config.json" in names) == (family == "gpt2")


def test_the_same_run_gives_the_same_bytes(training: Callable[..., Training], tokens: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        run = training(small(), name)
        train(run, report=lambda *_: None, stopped=lambda: False, seconds=1e9)
        export(run, tokens / "tokenizer", tmp_path / f"out {name}", [])
        folder = tmp_path / f"out {name}"
        made.append({str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert made[0] == made[1]
