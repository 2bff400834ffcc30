"""Errors of networks: which of them pass."""

BUSY = (408, 425, 429)  # and every 5xx: these statuses go by
NETWORKS = ("aiohttp", "botocore", "aiobotocore", "gcsfs", "adlfs", "urllib3")  # whose errors are of the network
REFUSED = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError)


def is_transient_network_error(error: BaseException) -> bool:
    """Whether the same request may work later."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        return status >= 500 or status in BUSY
    if isinstance(error, REFUSED) or "Credentials" in type(error).__name__:
        return False
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in NETWORKS
