"""Writing with language models: a prompt is continued token by token, a masked word is filled.

Shapes: V vocabulary.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer
from transformers.generation.streamers import BaseStreamer

from tasks.downstream.models.encoder import load_config, open_model
from tasks.errors import StageFailure
from tasks.model.load_from_folder import load_from_folder

WriteText = Callable[[str], None]
MASK_SPELLINGS = ("[MASK]", "<mask>", "[mask]", "___")
"""spellings of a mask in a prompt, beside the tokenizer's own"""
REPLACEMENT = "\ufffd"


class Sampling(NamedTuple):
    """The choice of the next token."""

    max_tokens: int = 128
    """tokens that are written at most"""
    temperature: float = 0.8
    """divides the logits; 0: the likeliest token each time"""
    top_p: float = 0.95
    """only the likeliest tokens with this probability together; 1: all"""
    top_k: int = 0
    """only this many of the likeliest tokens; 0: all"""
    repetition_penalty: float = 1.0
    """divides the logits of tokens that stand in the text already (arXiv:1909.05858); 1: none"""
    seed: int = 0

    def to_generation_settings(self) -> dict[str, Any]:
        """Return the settings of transformers' `generate`."""
        settings: dict[str, Any] = {"max_new_tokens": self.max_tokens, "repetition_penalty": self.repetition_penalty}
        if not self.temperature:
            return settings | {"do_sample": False}
        sampling = {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k}
        return settings | {"do_sample": True} | sampling


class TextStreamer(BaseStreamer):
    """Passes a text on while it is written, as soon as the characters of a token are complete."""

    def __init__(self, tokenizer: Any, num_prompt_tokens: int, write: WriteText) -> None:
        self.tokenizer, self.num_prompt_tokens, self.write = tokenizer, num_prompt_tokens, write
        self.ids: list[int] = []
        self.num_written = 0

    def put(self, value: torch.Tensor) -> None:
        """Take the next token; the first call brings the prompt, which is not passed on."""
        self.ids += value.flatten().tolist()
        text = self.decode_written()
        # a token may end within a character: it is complete when the next one comes
        if not text.endswith(REPLACEMENT):
            self._pass_on(text)

    def end(self) -> None:
        """Pass on what is left."""
        self._pass_on(self.decode_written())

    def decode_written(self) -> str:
        """Return the text that follows the prompt."""
        prompt, everything = (
            self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            for ids in (self.ids[: self.num_prompt_tokens], self.ids)
        )
        return str(everything[len(prompt) :])

    def _pass_on(self, text: str) -> None:
        if len(text) > self.num_written:
            self.write(text[self.num_written :])
            self.num_written = len(text)


class ContinuingModel:
    """A causal language model that goes on with a prompt."""

    def __init__(self, folder: Path) -> None:
        """Open the model. Raises StageFailure for a folder that transformers cannot open."""
        config = load_config(folder)
        self.model = open_model(folder, AutoModelForCausalLM, config, random=False, seed=0).float().eval()
        self.tokenizer = open_tokenizer(folder)
        self.max_positions = getattr(config, "max_position_embeddings", None) or 1 << 20

    @torch.no_grad()
    def write_answer(self, prompt: str, sampling: Sampling, write: WriteText) -> None:
        """Write how the model goes on. Of a prompt that leaves no room the end is read."""
        ids = self.tokenizer(prompt)["input_ids"]
        if not ids:  # a tokenizer without a start token, and an empty prompt
            start = self.tokenizer.bos_token_id
            ids = [self.tokenizer.eos_token_id if start is None else start]
        max_tokens = min(sampling.max_tokens, self.max_positions - 1)
        ids = ids[-(self.max_positions - max_tokens) :]
        streamer = TextStreamer(self.tokenizer, len(ids), write)
        torch.manual_seed(sampling.seed)
        settings = sampling._replace(max_tokens=max_tokens).to_generation_settings()
        input_ids = torch.tensor([ids])
        self.model.generate(
            input_ids=input_ids,
            attention_mask=torch.ones_like(input_ids),
            pad_token_id=self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0,
            streamer=streamer,
            **settings,
        )


class FilledMask(NamedTuple):
    """A token for a mask, and its probability."""

    token: str
    probability: float


class FillingModel:
    """A masked language model that tells the likeliest tokens of each mask in a text."""

    def __init__(self, folder: Path) -> None:
        """Open the model. Raises StageFailure for a folder without a mask token."""
        self.model = open_model(folder, AutoModelForMaskedLM, load_config(folder), random=False, seed=0).float().eval()
        self.tokenizer = open_tokenizer(folder)
        if self.tokenizer.mask_token_id is None:
            raise StageFailure(
                f"the tokenizer in {folder} has no mask token", "Add mask_token to tokenizer_config.json"
            )

    @torch.no_grad()
    def fill_masks(self, text: str, top: int = 5) -> list[list[FilledMask]]:
        """Return the likeliest tokens for each mask. Raises StageFailure for a text without one, or a too long one."""
        for spelling in MASK_SPELLINGS:
            text = text.replace(spelling, self.tokenizer.mask_token)
        inputs = self.tokenizer(text, return_tensors="pt", truncation=True)
        positions = (inputs["input_ids"][0] == self.tokenizer.mask_token_id).nonzero().flatten()
        if not len(positions):
            spellings = " or ".join((*MASK_SPELLINGS[:2], MASK_SPELLINGS[-1]))
            raise StageFailure("the text has no mask", f"Put {spellings} where a word is to be filled in")
        arguments = {name: inputs[name] for name in ("input_ids", "attention_mask") if name in inputs}
        probabilities_MV = torch.softmax(self.model(**arguments).logits[0, positions].double(), 1)
        best = probabilities_MV.topk(min(top, probabilities_MV.shape[1]), 1)
        return [
            [
                FilledMask(self.tokenizer.decode([token]).strip(), probability)
                for token, probability in zip(tokens, values, strict=True)
            ]
            for tokens, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def write_answer(self, prompt: str, sampling: Sampling, write: WriteText) -> None:  # noqa: ARG002
        """Write a line for each mask."""
        for candidates in self.fill_masks(prompt):
            write(", ".join(f"{filled.token} {filled.probability:.2f}" for filled in candidates) + "\n")


def open_tokenizer(folder: Path) -> Any:
    """Open a tokenizer of transformers, by which a mask that a prompt spells is one."""
    try:
        return load_from_folder(AutoTokenizer, folder)
    except (OSError, ValueError, KeyError) as error:
        raise StageFailure(f"{folder} holds no tokenizer: {error}", "Give a folder with tokenizer.json") from error
