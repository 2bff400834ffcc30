"""Network errors: which of them are transient."""

TRANSIENT_STATUSES = (408, 425, 429)  # and every 5xx
NETWORK_PACKAGES = (
    "aiohttp",
    "botocore",
    "aiobotocore",
    "gcsfs",
    "adlfs",
    "urllib3",
)  # all their errors are network errors
PERMANENT_ERRORS = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError)


def is_transient_network_error(error: BaseException) -> bool:
    """Tell whether the same request may succeed later."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        return status >= 500 or status in TRANSIENT_STATUSES
    if isinstance(error, PERMANENT_ERRORS) or "Credentials" in type(error).__name__:
        return False
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in NETWORK_PACKAGES
