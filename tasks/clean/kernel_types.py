"""Names for the arguments of compiled loops.

numba infers the real types from the arguments and ignores annotations, so all of these are `Any` to the type checker:
they only tell a reader what is handed over.
"""

from typing import Any, TypeAlias

# Texts
Bytes: TypeAlias = Any  # uint8, (bytes,): UTF-8, of a page or of all texts of a column
Offsets: TypeAlias = Any  # int64, (texts + 1,): where each text begins in Bytes; the last is where the last one ends
Index: TypeAlias = Any  # an integer: a position in Bytes, or a count
Byte: TypeAlias = Any  # uint8
CodePoint: TypeAlias = Any  # uint32
CharacterTable: TypeAlias = Any  # uint32, (NUM_POINTS,): lower case and flags of code points, see measures.characters
CharacterEntry: TypeAlias = Any  # uint32: one entry of a CharacterTable

# Words and lines
Hash: TypeAlias = Any  # uint64
Hashes: TypeAlias = Any  # uint64, (words,)
Lengths: TypeAlias = Any  # int64, (words,): in characters
Positions: TypeAlias = Any  # int32, (words,): indices of words
Counts: TypeAlias = Any  # int64, a row of counts in the order of some COUNT_NAMES
LineFields: TypeAlias = Any  # int64, (NUM_LINE_FIELDS,): what is known of a line, see measures.line_scanner
HashTable: TypeAlias = Any  # uint64, (a power of two,): see measures.hash_table

# HTML: tuples of arrays with an entry a tag or an element, see html.lexer.read_tags and html.elements.build_elements
Tags: TypeAlias = Any
Elements: TypeAlias = Any
Tables: TypeAlias = Any  # html.tags.TABLES
KeysAndValues: TypeAlias = Any  # (uint64 keys, uint32 values): a hash table of html.tags.TABLES
PerElement: TypeAlias = Any  # an array with an entry an element, or an entry a tag
Flags: TypeAlias = Any  # uint8: bits of kinds or roles, uint32: of hints, see html.tags
