"""The nesting depth of a page: parsers take time quadratic in it (70 s at 50,000)."""

import numpy as np
from numpy.typing import NDArray
from resiliparse.parse.html import HTMLTree, Node

NAME_LETTERS = 4  # of a tag's name that are compared


def _pack_names(names: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the four bytes of each name as one number."""
    packed: NDArray[np.uint32] = np.ascontiguousarray(names).view(np.uint32)[:, 0]
    return packed


# Void elements, and those that the parser closes by itself when the next begins: pages omit their end tags, so counting
# them would find a thousand levels in a plain list. They nest only inside tables and lists, which are counted.
FLAT_ELEMENTS = _pack_names(
    np.array(
        [
            list(name.ljust(NAME_LETTERS, b"\0"))
            for name in (
                *(b"br", b"hr", b"p", b"li", b"td", b"tr", b"th", b"dt", b"dd", b"img", b"col", b"wbr"),
                *(b"inpu", b"meta", b"link", b"area", b"base", b"embe", b"sour", b"trac", b"para", b"opti"),
            )
        ],
        dtype=np.uint8,
    )
)


def estimate_nesting(source: str) -> int:
    """Return an upper bound of the nesting, from the tags alone, in a hundredth of the time of parsing.

    Elements that are never closed count as if they contained all that follows.
    """
    # zeros behind the end, so that a name can be read after a "<" that is the last byte
    data = np.frombuffer(source.encode("utf-8", "replace") + bytes(NAME_LETTERS + 2), dtype=np.uint8)
    after = np.flatnonzero(data == ord("<")) + 1
    closes = data[after] == ord("/")
    # 0x20 makes capitals small, and no letter of what is none
    names = data[(after + closes)[:, None] + np.arange(NAME_LETTERS)] | 0x20
    is_letter = (names >= ord("a")) & (names <= ord("z"))
    # a name is zero from its first byte on that is no letter: `h1 class` is `h`
    names = np.where(np.logical_and.accumulate(is_letter, axis=1), names, 0).astype(np.uint8)
    nests = is_letter[:, 0] & ~np.isin(_pack_names(names), FLAT_ELEMENTS)
    height = np.cumsum(np.where(nests, np.where(closes, -1, 1), 0))
    # counted from the lowest level so far: end tags too many must not make room for nesting
    lowest = np.minimum.accumulate(np.minimum(height, 0))
    return int((height - lowest).max(initial=0))


def is_deeper(tree: HTMLTree, limit: int) -> bool:
    """Return whether an element of the tree has more than `limit` ancestors."""
    # a walk without recursion, which Python stops at 1,000 levels by default
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
