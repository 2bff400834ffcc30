"""The files by which stock libraries open a model's folder: classes, generation settings, how to embed."""

import json
from pathlib import Path
from typing import Any

from tokenizers import processors
from transformers import GenerationConfig, PreTrainedModel

from tasks.model.vocabulary import Vocabulary

# by the end of the trained class's name: the Auto class that opens it, and the task that model hubs list it under
AUTO_CLASSES = {
    "ForMaskedLM": ("AutoModelForMaskedLM", "fill-mask"),
    "LMHeadModel": ("AutoModelForCausalLM", "text-generation"),
    "ForCausalLM": ("AutoModelForCausalLM", "text-generation"),
    "ForConditionalGeneration": ("AutoModelForSeq2SeqLM", "text2text-generation"),
    "ForPreTraining": ("AutoModelForPreTraining", "feature-extraction"),
}


def find_auto_class(module: PreTrainedModel) -> tuple[str, str]:
    """Return the Auto class of transformers that opens a model, and its task."""
    name = type(module).__name__
    matches = [match for ending, match in AUTO_CLASSES.items() if name.endswith(ending)]
    return matches[0] if matches else ("AutoModel", "feature-extraction")


def build_generation_config(module: PreTrainedModel, vocabulary: Vocabulary, context: int) -> GenerationConfig:
    """Set how a model generates: a causal one samples; an encoder–decoder is greedy, as its source has one answer."""
    config: Any = module.config
    tokens = {"bos_token_id": vocabulary.start, "eos_token_id": vocabulary.end, "pad_token_id": vocabulary.pad}
    if not config.is_encoder_decoder:
        return GenerationConfig(do_sample=True, top_p=0.95, **tokens)  # type: ignore[no-untyped-call]
    start = config.decoder_start_token_id  # it takes one of the positions
    return GenerationConfig(  # type: ignore[no-untyped-call]
        decoder_start_token_id=start, max_new_tokens=context - 1, **tokens
    )


def build_prompt_template(tokenizer: Any, start: int | None) -> processors.PostProcessor:
    """Begin a prompt as documents began in training, and leave it open: after <eos> there is nothing to go on with."""
    if start is None:
        return processors.Sequence([])
    text = tokenizer.convert_ids_to_tokens(start)
    return processors.TemplateProcessing(f"{text} $A", f"{text} $A $B", [(text, start)])


def write_embedder_files(folder: Path, hidden_size: int, max_length: int) -> None:
    """Write the files by which sentence-transformers embeds a text as it was trained: the mean over its tokens."""
    library = "sentence_transformers.models"
    modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
    files: dict[str, Any] = {
        "modules.json": [
            {"idx": index, "name": name, "path": path, "type": f"{library}.{kind}"}
            for index, (name, path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": max_length, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {}, "similarity_fn_name": "cosine"},
        "1_Pooling/config.json": {
            "word_embedding_dimension": hidden_size,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
        },
    }
    (folder / "1_Pooling").mkdir()
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
