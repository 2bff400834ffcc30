"""The exception for a page that gives no document."""


class UnusablePage(Exception):
    """A page that gives no document. The message is counted by its text, so it must not differ from page to page."""
