"""What a page raises that gives no document."""


class Unusable(Exception):
    """Why a page gives no document; the reason is counted, so it names kinds, not instances."""
