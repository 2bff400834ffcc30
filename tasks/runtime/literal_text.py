"""Tokenizers that read a special token in a text, such as </s> or <mask>, as the text that it is.

The library's switch `encode_special_tokens` keeps the added tokens from being cut out of a text first, but the model
may still have an entry of that spelling: of Unigram (T5, XLM-R) and of whole words every entry can come out of a text.
"""

import json
from typing import Any

from tokenizers import Tokenizer

HIDDEN = "\ufdd0"
"""Stands before the spelling of a hidden token: a code point that Unicode keeps out of texts"""


def hide_special_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer from whose texts no special token comes, with the same ids for all else.

    It is the same object, changed, where the library's switch is enough. The token for the unknown may still come out.
    """
    tokenizer.encode_special_tokens = True
    special = {token.content: index for index, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    pipeline = json.loads(tokenizer.to_str()) if comes_out_of_text(tokenizer, special) else {}
    if not pipeline:
        return tokenizer
    model = pipeline["model"]
    # models of words and byte pairs find their unknown token by its spelling
    hidden = {content: HIDDEN + content for content in special if content != model.get("unk_token")}
    if isinstance(model["vocab"], dict):
        model["vocab"] = {hidden.get(entry, entry): index for entry, index in model["vocab"].items()}
    else:
        model["vocab"] = [[hidden.get(entry, entry), score] for entry, score in model["vocab"]]
    if "merges" in model:
        model["merges"] = [merge for merge in model["merges"] if not touches_any(merge, hidden)]
    for token in pipeline["added_tokens"]:
        # renamed and not taken out, since the ids of added tokens are counted
        token["content"] = hidden.get(token["content"], token["content"])
    literal = Tokenizer.from_str(json.dumps(pipeline))
    literal.encode_special_tokens = True
    return literal


def comes_out_of_text(tokenizer: Tokenizer, special: dict[str, int]) -> bool:
    """Return whether the tokenizer makes the special token of a text that spells it, alone or behind a word."""
    texts = [text for content in special for text in (content, f"a {content} b", f"a{content}b")]
    unknown = {special[content] for content in special if is_unknown_token(tokenizer, content)}
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ids = {index for encoding in encodings for index in encoding.ids}
    return bool(ids & (set(special.values()) - unknown))


def is_unknown_token(tokenizer: Tokenizer, content: str) -> bool:
    """Return whether a token stands for unknown text, by the model's own word."""
    return bool(content == getattr(tokenizer.model, "unk_token", None))


def touches_any(merge: Any, contents: dict[str, str]) -> bool:
    """Return whether a merge reads or makes one of these entries. Old files write its two parts as one text."""
    first, second = merge.split(" ", 1) if isinstance(merge, str) else merge
    return not contents.keys().isdisjoint((first, second, first + second))
