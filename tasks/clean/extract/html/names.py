"""The names of a start tag, as words of `class`, `id`, `role` and `itemprop`."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.name_words import LOOSE, LOOSE_HINTS, NEUTRAL, PART_HINTS
from tasks.clean.extract.html.scanner import BASIS, PRIME, is_letter, look_up, lower_byte
from tasks.clean.kernel_types import Bytes, Index, KeysAndValues
from tasks.runtime.jit import jit


@jit
def read_names(data: Bytes, start: Index, stop: Index, words: KeysAndValues, groups: KeysAndValues) -> Any:  # noqa: C901 - one pass with one state
    """Read the names in the value of an attribute. Return (hints, groups of their parts as bits, hash of all letters).

    A name ends at white space; its parts are runs of letters, cut before a capital that follows a small letter.
    """
    hints, bits, value_hash = np.uint32(0), np.uint64(0), BASIS
    # `whole` hashes the letters and digits of the name, `part` those of a part. BASIS is the hash of no letter.
    whole, part, num_parts = BASIS, BASIS, 0
    # the hints of the parts, and whether each part has one or says nothing
    part_hints, is_known = np.uint32(0), True
    # one step more than there are bytes: a space behind the value ends its last name
    for position in range(start, stop + 1):
        byte = data[position] if position < stop else np.uint8(32)
        is_in_part = is_letter(byte)
        if part != BASIS and (not is_in_part or (byte <= 90 and 97 <= data[position - 1] <= 122)):
            hint = look_up(words[0], words[1], part)
            is_known = is_known and hint & np.uint32(PART_HINTS | NEUTRAL) != 0
            part_hints |= hint & np.uint32(PART_HINTS)
            group = look_up(groups[0], groups[1], part)
            if group:
                bits |= np.uint64(1) << np.uint64(group - 1)
            num_parts += 1
            part = BASIS
        if byte <= 32:
            if whole != BASIS:
                hints |= look_up(words[0], words[1], whole) & ~np.uint32(NEUTRAL)
                if is_known:
                    hints |= part_hints
                elif part_hints & np.uint32(LOOSE_HINTS):
                    hints |= np.uint32(LOOSE)
                if num_parts > 1:  # `articlebody` of `articleBody`
                    group = look_up(groups[0], groups[1], whole)
                    if group:
                        bits |= np.uint64(1) << np.uint64(group - 1)
            whole, part_hints, is_known, num_parts = BASIS, np.uint32(0), True, 0
        elif is_in_part or 48 <= byte <= 57:
            letter = np.uint64(lower_byte(byte))
            whole = (whole ^ letter) * PRIME
            if is_in_part:
                part = (part ^ letter) * PRIME
                # digits count elements, and would make each of them look like no other
                value_hash = (value_hash ^ letter) * PRIME
    return hints, bits, value_hash
