"""The marks of list items: bullets, numbers, letters, Roman numerals."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.attributes import NO_NUMBER
from tasks.clean.extract.html.name_words import CAPITALS, LETTERS, REVERSED, ROMAN
from tasks.clean.extract.html.output import SPACE
from tasks.clean.extract.html.tags import BULLETS, ITEM, NUMBERS
from tasks.clean.kernel_types import Bytes, Flags, Index, PerElement
from tasks.runtime.jit import jit

DASH, DOT, ZERO = 45, 46, 48
MAX_LIST_LEVEL = 8
MAX_ROMAN = 3999
# numeral by numeral, the highest first, two bytes each
ROMAN_VALUES = np.array([1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1])
ROMAN_LETTERS = np.frombuffer(b"m cmd cdc xcl xlx ixv ivi ", np.uint8)


@jit
def find_lists(code: PerElement, parent: PerElement, roles: Flags) -> Any:
    """Return for each element the list around it, or itself where it is one; 0 for none."""
    list_of = np.zeros(len(code), np.int32)
    for element in range(1, len(code)):
        is_list = roles[code[element]] in (BULLETS, NUMBERS)
        list_of[element] = element if is_list else list_of[parent[element]]
    return list_of


@jit
def count_items(code: PerElement, list_of: PerElement, roles: Flags) -> Any:
    """Return for each list how many items it has."""
    count = np.zeros(len(code), np.int32)
    for element in range(1, len(code)):
        if roles[code[element]] == ITEM:
            count[list_of[element]] += 1
    return count


@jit
def choose_number(number: Index, previous: Index, hints: Index) -> Any:
    """Return the number of an item: its `value`, or the one after the previous item's; hints are its list's."""
    if number != NO_NUMBER:
        return number
    return previous - 1 if hints & REVERSED else previous + 1


@jit
def put_letters(out: Bytes, size: Index, number: Index, first: Index) -> Any:
    """Write a number from 1 on in letters: a to z, then aa, ab and so on."""
    length, rest = 0, number
    while rest > 0:
        rest = (rest - 1) // 26
        length += 1
    for position in range(size + length - 1, size - 1, -1):
        out[position] = first + (number - 1) % 26
        number = (number - 1) // 26
    return size + length


@jit
def put_roman(out: Bytes, size: Index, number: Index, to_capital: Index) -> Any:
    """Write a number from 1 to MAX_ROMAN as a Roman numeral; `to_capital` is what a letter's code is lowered by."""
    for index in range(ROMAN_VALUES.size):
        while number >= ROMAN_VALUES[index]:
            number -= ROMAN_VALUES[index]
            for letter in ROMAN_LETTERS[2 * index : 2 * index + 2]:
                if letter != SPACE:
                    out[size] = letter - to_capital
                    size += 1
    return size


@jit
def put_number(out: Bytes, size: Index, number: Index) -> Any:
    """Write the decimal digits of a number."""
    if number < 0:
        out[size] = DASH
        size, number = size + 1, -number
    power = 1
    while power * 10 <= number:
        power *= 10
    while power:
        out[size] = ZERO + number // power % 10
        size, power = size + 1, power // 10
    return size


@jit
def put_list_mark(out: Bytes, size: Index, level: Index, is_numbered: bool, number: Index, hints: Index) -> Any:
    """Write a bullet, or a number as the hints of the list say, indented by the level of the list."""
    for _ in range(2 * min(max(level - 1, 0), MAX_LIST_LEVEL)):
        out[size] = SPACE
        size += 1
    if not is_numbered:
        out[size], out[size + 1], out[size + 2], out[size + 3] = 0xE2, 0x80, 0xA2, SPACE  # •
        return size + 4
    to_capital = 32 if hints & CAPITALS else 0
    if hints & LETTERS and number > 0:
        size = put_letters(out, size, number, 97 - to_capital)
    elif hints & ROMAN and 0 < number <= MAX_ROMAN:
        size = put_roman(out, size, number, to_capital)
    else:
        size = put_number(out, size, number)
    out[size], out[size + 1] = DOT, SPACE
    return size + 2
