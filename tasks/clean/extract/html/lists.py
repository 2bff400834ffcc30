"""Keep the lists of simply built pages."""

from itertools import pairwise

from resiliparse.parse.html import ElementNode, HTMLTree, Node

# resiliparse takes every list less than four levels below <body> for a menu (`_is_main_content_node`), as menus mostly
# are; hand-written pages and much documentation have their lists there. One that is text and not links is moved down.
SHALLOW = "body > ul, body > * > ul, body > * > * > ul"
LEVELS = 3
MOST_LINKED = 0.2  # the share of link text from which resiliparse calls a deeper list a menu, too


def sink_lists(tree: HTMLTree) -> None:
    """Wrap shallow lists that hold more than links, so that they are not taken for menus."""
    for found in tree.body.query_selector_all(SHALLOW) if tree.body else ():
        if not _is_menu(found):
            _sink(tree, found)


def _is_menu(found: ElementNode) -> bool:
    left = MOST_LINKED * len(found.text or "")
    if not left:
        return True
    for link in found.get_elements_by_tag_name("a"):
        left -= len(link.text or "")
        if left < 0:  # a menu shows itself by its first links, and asking for each is what costs
            return True
    return False


def _sink(tree: HTMLTree, found: Node) -> None:
    wrappers = [wrapper for _ in range(LEVELS) if (wrapper := tree.create_element("div"))]
    if found.parent is None:
        return
    found.parent.insert_before(wrappers[0], found)
    for outer, inner in pairwise([*wrappers, found]):
        outer.append_child(inner)
