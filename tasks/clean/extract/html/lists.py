"""Keep the lists of simply built pages."""

from itertools import pairwise

from resiliparse.parse.html import ElementNode, HTMLTree, Node

# resiliparse takes every list less than four levels below <body> for a menu (`_is_main_content_node`), where most menus
# are; but hand-written pages and much documentation have lists there, too. A list of more than links is moved down.
SHALLOW_LISTS = "body > ul, body > * > ul, body > * > * > ul"
NUM_WRAPPERS = 3
MAX_LINK_FRACTION = 0.2  # the fraction of link text from which resiliparse takes a deeper list for a menu, too


def sink_lists(tree: HTMLTree) -> None:
    """Wrap shallow lists of more than links in <div> elements, so that they are not taken for menus."""
    for element in tree.body.query_selector_all(SHALLOW_LISTS) if tree.body else ():
        if not _is_menu(element):
            _wrap_list(tree, element)


def _is_menu(element: ElementNode) -> bool:
    """Return whether a list is hardly more than links."""
    allowed = MAX_LINK_FRACTION * len(element.text or "")  # characters of links
    if not allowed:
        return True
    for link in element.get_elements_by_tag_name("a"):
        allowed -= len(link.text or "")
        if allowed < 0:  # mostly after a few links: reading each is slow
            return True
    return False


def _wrap_list(tree: HTMLTree, element: Node) -> None:
    """Put NUM_WRAPPERS nested <div> elements around a list."""
    wrappers = [wrapper for _ in range(NUM_WRAPPERS) if (wrapper := tree.create_element("div"))]
    if element.parent is None:
        return
    element.parent.insert_before(wrappers[0], element)
    for outer, inner in pairwise([*wrappers, element]):
        outer.append_child(inner)
