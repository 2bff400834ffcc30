"""Selection of a page's main content: by rules, and by the learned score of each block of text."""

from typing import Any, NamedTuple

import numpy as np

from tasks.clean.extract.html.block_scores.blocks import FOREIGN, KINDS, TEXT_BYTES, WORDS, find_blocks
from tasks.clean.extract.html.block_scores.declared_kinds import find_declared_kinds, find_declared_language
from tasks.clean.extract.html.block_scores.features import TAG_BITS, describe_blocks
from tasks.clean.extract.html.block_scores.model import ARTICLE_TREES, BLOCK_TREES, DOCUMENTATION_TREES
from tasks.clean.extract.html.block_scores.text_words import NUM_WORD_KINDS, WORD_TABLE
from tasks.clean.extract.html.block_scores.tree_file import decode_trees
from tasks.clean.extract.html.block_scores.trees import PROBABILITIES, choose_by_expected_f1, pack_trees, score_rows
from tasks.clean.extract.html.main_content import choose_unwanted, find_excluded
from tasks.clean.extract.html.page_arrays import PageArrays
from tasks.clean.extract.html.render import find_surroundings
from tasks.clean.extract.html.tags import SCRIPT_TAG
from tasks.clean.kernel_types import PerElement

# Probabilities, in thousandths, from which a page is taken for an article or for documentation.
MIN_ARTICLE, MIN_DOCUMENTATION = 700, 300
# An English page: the fraction of words that are in nearly every English sentence, how many there are to one such word
# of another language, and the fraction of bytes beyond ASCII. The pages that the score was trained on are English, so
# of others it may only keep more than the rules do.
MIN_ENGLISH, MIN_TO_OTHERS, MAX_FOREIGN = 0.06, 3, 0.03
DEFAULT_UNWANTED = choose_unwanted(comments=False, byline=False)
STRICTLY_UNWANTED = choose_unwanted(comments=False, byline=False, loose=True)


class Models(NamedTuple):
    """The trees that score blocks, and pages as articles and as documentation, as `score_rows` reads them."""

    blocks: tuple[Any, Any, Any]
    articles: tuple[Any, Any, Any]
    documentation: tuple[Any, Any, Any]


class PageBlocks(NamedTuple):
    """The blocks of a page."""

    of_tag: PerElement  # the block of the text after each tag, -1 for none
    counts: Any  # (blocks, NUM_COUNTS)
    features: Any  # (blocks, NUM_FEATURES)
    page_features: Any
    by_rules: Any  # whether the rules keep each block
    by_strict_rules: Any  # whether they keep it where parts of names count, too
    language: str  # that the page declares
    excluded: PerElement  # for each tag, whether the rules exclude the text after it


SHIPPED_MODELS = Models(*(pack_trees(decode_trees(text)) for text in (BLOCK_TREES, ARTICLE_TREES, DOCUMENTATION_TREES)))


def describe_page_blocks(page: PageArrays) -> PageBlocks:
    """Find the blocks of a page, and describe them."""
    unseen, excluded, left_out = find_excluded(page.elements, page.tables, DEFAULT_UNWANTED)
    _, _, strictly_left_out = find_excluded(page.elements, page.tables, STRICTLY_UNWANTED)
    code, parent = page.elements[0], page.elements[1]
    _, _, table = find_surroundings(code, parent, page.tables[2])
    of_tag, counts, element_of = find_blocks(
        page.data, page.tags, page.elements, page.of_tag, (page.in_link, unseen, table), page.tables, WORD_TABLE
    )
    start, stop, codes = page.tags[:3]
    is_script = codes == SCRIPT_TAG
    kinds = find_declared_kinds(page.source, zip(start[is_script].tolist(), stop[is_script].tolist(), strict=True))
    features, page_features = describe_blocks(
        page.elements, (page.opener, page.names, page.is_made, TAG_BITS), counts, element_of, excluded, left_out, kinds
    )
    by_rules, by_strict_rules = (
        find_kept_blocks(of_tag, ~out[page.of_tag] & (page.tags[4] > 0), len(counts))
        for out in (left_out, strictly_left_out)
    )
    language = find_declared_language(page.source, page.title)
    return PageBlocks(
        of_tag, counts, features, page_features, by_rules, by_strict_rules, language, excluded[page.of_tag]
    )


def find_kept_blocks(block_of_tag: PerElement, is_kept: PerElement, num_blocks: int) -> Any:
    """Return whether each block has text that is kept: the rules may drop some cells of a row."""
    return np.bincount(block_of_tag[is_kept & (block_of_tag >= 0)], minlength=num_blocks) > 0


def is_english(blocks: PageBlocks) -> bool:
    """Return whether a page is in English: by its words, and unless it declares another language."""
    if blocks.language not in {"", "en"}:
        return False
    total = blocks.counts.sum(axis=0, dtype=np.int64)
    english, others = total[KINDS + NUM_WORD_KINDS - 2], total[KINDS + NUM_WORD_KINDS - 1]
    is_ascii = total[FOREIGN] <= MAX_FOREIGN * total[TEXT_BYTES]
    return bool(english >= MIN_ENGLISH * total[WORDS] and english >= MIN_TO_OTHERS * others and is_ascii)


def choose_blocks(blocks: PageBlocks, models: Models) -> Any:
    """Return whether each block is kept.

    The score decides. On an article the rules must keep a block, too: they know more of news than the score does. On a
    page of documentation, and on one that is not in English, all stays that the rules keep.
    """
    probabilities = score_rows(blocks.features, *models.blocks, PROBABILITIES)
    words = blocks.counts[:, WORDS].astype(np.int64)
    kept = choose_by_expected_f1(probabilities, words)
    article, documentation = (
        score_rows(blocks.page_features[None], *trees, PROBABILITIES)[0]
        for trees in (models.articles, models.documentation)
    )
    if article >= MIN_ARTICLE:
        return kept & blocks.by_strict_rules if is_english(blocks) else blocks.by_rules
    if documentation >= MIN_DOCUMENTATION or not is_english(blocks):
        return kept | blocks.by_rules
    return kept


def select_by_rules(page: PageArrays, *, comments: bool, byline: bool) -> PerElement:
    """Return for each tag whether the rules leave out the text after it."""
    _, _, left_out = find_excluded(page.elements, page.tables, choose_unwanted(comments=comments, byline=byline))
    return left_out[page.of_tag]


def select_by_scores(page: PageArrays, *, comments: bool, byline: bool, models: Models = SHIPPED_MODELS) -> PerElement:
    """Return for each tag whether the text after it is left out, by the scores of blocks and by rules."""
    blocks = describe_page_blocks(page)
    if not len(blocks.counts):
        return select_by_rules(page, comments=comments, byline=byline)
    # text without words, as the line breaks of code, is in the block that follows it; at the end none does
    block_of_tag = np.minimum(blocks.of_tag, len(blocks.counts) - 1)
    left_out = ~choose_blocks(blocks, models)[block_of_tag] | (blocks.of_tag < 0)
    excluded = blocks.excluded
    if not byline:
        left_out |= excluded & ~find_named_parts(page, comments=False, byline=True)
    if comments or byline:  # what the rules exclude only for being a comment or a byline
        left_out &= ~excluded | find_named_parts(page, comments=comments, byline=byline)
    return left_out


def find_named_parts(page: PageArrays, *, comments: bool, byline: bool) -> PerElement:
    """Return for each tag whether the rules exclude the text after it, wherever on the page it is."""
    _, excluded, _ = find_excluded(page.elements, page.tables, choose_unwanted(comments=comments, byline=byline))
    return excluded[page.of_tag]
