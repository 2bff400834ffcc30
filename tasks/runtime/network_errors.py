"""Network errors: which of them are transient."""

# Request timeout, too early, too many requests. Every 5xx counts as transient too.
TRANSIENT_STATUSES = (408, 425, 429)
# All errors that these packages define are errors of the network.
NETWORK_PACKAGES = (
    "aiohttp",
    "botocore",
    "aiobotocore",
    "gcsfs",
    "adlfs",
    "urllib3",
)
PERMANENT_ERRORS = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError)


def is_transient_network_error(error: BaseException) -> bool:
    """Tell whether the same request may succeed later."""
    status = getattr(error, "status", None)
    # aiohttp's errors carry the status of the answer, and 0 where there was none
    if isinstance(status, int) and status:
        return status >= 500 or status in TRANSIENT_STATUSES
    # these are OSErrors too, so they are sorted out first; botocore's NoCredentialsError does not pass by itself either
    if isinstance(error, PERMANENT_ERRORS) or "Credentials" in type(error).__name__:
        return False
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in NETWORK_PACKAGES
