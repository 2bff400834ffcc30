"""The error that a command raises when it was called in a wrong way."""


class BadUsage(Exception):
    """The arguments cannot be used together, or do not fit what they refer to: exit code 2."""
