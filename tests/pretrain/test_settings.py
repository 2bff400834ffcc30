import subprocess
import sys

import pytest
from pydantic import ValidationError

from tasks.pretrain.settings import BatchSettings, Pretrain
from tests.pretrain.conftest import small


def test_the_defaults_are_valid_and_survive_json() -> None:
    assert Pretrain.model_validate_json(Pretrain().model_dump_json()) == Pretrain()


def test_an_objective_that_does_not_fit_the_architecture_is_refused_with_a_hint() -> None:
    with pytest.raises(ValidationError, match=r"set architecture\.family to bert"):
        Pretrain.model_validate({"objective": {"kind": "masked"}})
    with pytest.raises(ValidationError, match=r"set architecture\.family to gpt2"):
        Pretrain.model_validate({"architecture": {"family": "bert"}})


def test_rows_longer_than_the_model_reads_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"batch.seq_length 64 is more than architecture.max_length 32"):
        small(batch={"seq_length": 64})


def test_micro_batches_must_be_even() -> None:
    with pytest.raises(ValidationError, match="10 rows do not split into 4"):
        BatchSettings(batch_size=10, grad_accumulation=4)


def test_a_budget_in_tokens_is_turned_into_steps() -> None:
    assert small().num_steps == 8
    assert small(tokens=1000).num_steps == 8  # 4 rows of 32 are 128 tokens
    assert small(tokens=1025).num_steps == 9


@pytest.mark.slow
def test_settings_are_read_without_torch() -> None:
    code = "import sys, tasks.pretrain.task; print(sorted({'torch', 'transformers', 'prefect'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
