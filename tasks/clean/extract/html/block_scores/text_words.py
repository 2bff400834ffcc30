"""Words by whose number a block of text is described, in some kinds.

The numbers of kinds must not change, see `html.tags`.
"""

from tasks.clean.extract.html.hash_tables import build_hash_table

# Kinds, from 1 on: of legal notes, of invitations to share and to sign in, of discussions, of links, of shops, of
# articles' data; then the words that are in nearly every sentence of English, and those of some other languages.
WORD_KINDS = (
    "copyright rights reserved privacy policy terms cookie cookies disclaimer conditions",
    """share tweet facebook twitter linkedin pinterest whatsapp instagram follow subscribe newsletter email sign login
        log register""",
    "comment comments reply replies posted wrote says quote likes views ago joined member posts report",
    "read more next previous back home menu search skip click here view all load show related popular recent see",
    "cart price add buy sale shipping stock checkout wishlist reviews rating sku",
    "author date updated published min edited",
    "the of and to in a is that for it with as on was be this are you",
    """der die das und ist nicht von zu den mit ein eine het een van dat le la les des et est une dans que pour el los
        en por con del um uma não com para il di che non и в не на что с по как""",
)
NUM_WORD_KINDS = len(WORD_KINDS)
WORD_TABLE = build_hash_table(
    # a word of two kinds is of the first of them
    {word: kind for kind in range(NUM_WORD_KINDS, 0, -1) for word in WORD_KINDS[kind - 1].split()}
)
