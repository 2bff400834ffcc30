"""Boosted trees as text, and back: how trained scores are kept in a file of code."""

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np

LINE_WIDTH = 116


class Trees(NamedTuple):
    """Boosted trees, as `trees.score_rows` reads them."""

    roots: Any  # int32, (trees, 2)
    nodes: Any  # int32, (nodes, 3)
    leaves: Any  # int32, (nodes,)


def encode_trees(trees: Trees) -> str:
    """Return trees as lines of printable characters, for a string in a file of code."""
    # columns one after the other compress better than rows; children are told from their parent's place
    sizes = np.array([len(trees.roots), len(trees.nodes)], np.int32)
    children = trees.nodes[:, 2] - np.arange(len(trees.nodes))
    columns = [trees.roots[:, 1], trees.nodes[:, 0], trees.nodes[:, 1], children, trees.leaves]
    content = sizes.astype("<i4").tobytes() + b"".join(column.astype("<i2").tobytes() for column in columns)
    text = base64.b85encode(zlib.compress(content, 9)).decode()
    return "\n".join(text[start : start + LINE_WIDTH] for start in range(0, len(text), LINE_WIDTH))


def decode_trees(text: str) -> Trees:
    """Return the trees that `encode_trees` made a text of."""
    content = zlib.decompress(base64.b85decode(text.replace("\n", "")))
    num_trees, num_nodes = np.frombuffer(content[:8], "<i4")
    depths, rest = np.split(np.frombuffer(content[8:], "<i2").astype(np.int32), [num_trees])
    features, thresholds, children, leaves = rest.reshape(4, num_nodes)
    children = children + np.arange(num_nodes, dtype=np.int32)
    # a tree begins where the one before it ends: it has 2 * splits + 1 nodes
    roots = np.zeros((num_trees, 2), np.int32)
    roots[:, 1] = depths
    roots[:, 0] = find_roots(children, num_trees)
    return Trees(roots, np.ascontiguousarray(np.stack([features, thresholds, children], axis=1)), leaves)


def find_roots(children: Any, num_trees: int) -> list[int]:
    """Return the first node of each tree: those that are no child of another node."""
    is_child = np.zeros(len(children), bool)
    splits = children != np.arange(len(children))
    is_child[children[splits]] = is_child[children[splits] + 1] = True
    roots = np.flatnonzero(~is_child).tolist()
    if len(roots) != num_trees:
        raise ValueError(f"{len(roots)} trees instead of {num_trees}")
    return roots
