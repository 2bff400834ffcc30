"""How deep a page nests its elements: extraction takes time quadratic in it (70 s at 50,000)."""

import numpy as np
from numpy.typing import NDArray
from resiliparse.parse.html import HTMLTree, Node

LETTERS = 4  # so much of a tag's name is looked at


def _packed(names: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Up to four letters of each name as one number."""
    packed: NDArray[np.uint32] = np.ascontiguousarray(names).view(np.uint32)[:, 0]
    return packed


# Void elements, and those that the parser closes by itself when the next begins: pages leave their end tags out, so
# counting them would find a thousand levels in a plain list. They nest only inside tables and lists, which count.
FLAT = _packed(
    np.array(
        [
            list(name.ljust(LETTERS, b"\0"))
            for name in (
                *(b"br", b"hr", b"p", b"li", b"td", b"tr", b"th", b"dt", b"dd", b"img", b"col", b"wbr"),
                *(b"inpu", b"meta", b"link", b"area", b"base", b"embe", b"sour", b"trac", b"para", b"opti"),
            )
        ],
        dtype=np.uint8,
    )
)


def nesting(source: str) -> int:
    """An upper estimate of the nesting from the tags alone, at a hundredth of the price of parsing.

    Elements that were never closed count as if they held all that follows.
    """
    points = np.frombuffer(source.encode("utf-8", "replace") + bytes(LETTERS + 2), dtype=np.uint8)
    after = np.flatnonzero(points == ord("<")) + 1
    closes = points[after] == ord("/")
    names = points[(after + closes)[:, None] + np.arange(LETTERS)] | 0x20
    is_letter = (names >= ord("a")) & (names <= ord("z"))
    names = np.where(np.logical_and.accumulate(is_letter, axis=1), names, 0).astype(np.uint8)
    nests = is_letter[:, 0] & ~np.isin(_packed(names), FLAT)
    height = np.cumsum(np.where(nests, np.where(closes, -1, 1), 0))
    lowest = np.minimum.accumulate(np.minimum(height, 0))
    return int((height - lowest).max(initial=0))


def is_deeper(tree: HTMLTree, limit: int) -> bool:
    """Whether an element of the tree has more than `limit` ancestors."""
    node: Node | None = tree.document
    level = 0
    while node is not None:
        if node.first_child is not None:
            node, level = node.first_child, level + 1
            if level > limit:
                return True
            continue
        while node is not None and node.next is None:
            node, level = node.parent, level - 1
        node = node.next if node is not None else None
    return False
