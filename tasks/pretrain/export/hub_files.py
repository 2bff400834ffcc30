"""What stock libraries look for when they open a model's folder: classes, generation settings, the way to embed."""

import json
from pathlib import Path
from typing import Any

from tokenizers import processors
from transformers import GenerationConfig, PreTrainedModel

from tasks.model.vocabulary import Vocabulary

# by how the class is called that was trained: the one that opens it, and the task that model hubs list it under
OPENERS = {
    "ForMaskedLM": ("AutoModelForMaskedLM", "fill-mask"),
    "LMHeadModel": ("AutoModelForCausalLM", "text-generation"),
    "ForCausalLM": ("AutoModelForCausalLM", "text-generation"),
    "ForConditionalGeneration": ("AutoModelForSeq2SeqLM", "text2text-generation"),
    "ForPreTraining": ("AutoModelForPreTraining", "feature-extraction"),
}


def opener(module: PreTrainedModel) -> tuple[str, str]:
    """The Auto class of transformers that opens a model, and its task."""
    name = type(module).__name__
    fitting = [found for ending, found in OPENERS.items() if name.endswith(ending)]
    return fitting[0] if fitting else ("AutoModel", "feature-extraction")


def generation(module: PreTrainedModel, vocabulary: Vocabulary, context: int) -> GenerationConfig:
    """A causal model draws its tokens; an encoder–decoder writes what is most likely, as its source has one answer."""
    config: Any = module.config
    tokens = {"bos_token_id": vocabulary.start, "eos_token_id": vocabulary.end, "pad_token_id": vocabulary.pad}
    if not config.is_encoder_decoder:
        return GenerationConfig(do_sample=True, top_p=0.95, **tokens)  # type: ignore[no-untyped-call]
    start = config.decoder_start_token_id  # it takes one of the places
    return GenerationConfig(  # type: ignore[no-untyped-call]
        decoder_start_token_id=start, max_new_tokens=context - 1, **tokens
    )


def prompt(tokenizer: Any, start: int | None) -> processors.PostProcessor:
    """A prompt begins as the documents did in training, and stays open: behind <eos> there is nothing to go on with."""
    if start is None:
        return processors.Sequence([])
    text = tokenizer.convert_ids_to_tokens(start)
    return processors.TemplateProcessing(f"{text} $A", f"{text} $A $B", [(text, start)])


def describe_embedding(folder: Path, width: int, longest: int) -> None:
    """The files by which sentence-transformers embeds a text as it was trained: the mean over its tokens."""
    library = "sentence_transformers.models"
    modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
    files: dict[str, Any] = {
        "modules.json": [
            {"idx": number, "name": name, "path": path, "type": f"{library}.{kind}"}
            for number, (name, path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": longest, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {}, "similarity_fn_name": "cosine"},
        "1_Pooling/config.json": {
            "word_embedding_dimension": width,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
        },
    }
    (folder / "1_Pooling").mkdir()
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
