"""A Prefect server that ends with the command that started it. Run as a program, by flows/prefect_internals.py.

python -P flows/cli/prefect_server.py PORT     ends when its standard input is closed
"""

import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Block until standard input is closed, which is the end of the command however it ended; then end this process."""
    # nothing is ever written to it, so the read returns when the other end is gone
    while os.read(sys.stdin.fileno(), 1024):
        pass
    # sys.exit would end this thread only
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import uvicorn

    threading.Thread(target=end_with_parent, daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )
