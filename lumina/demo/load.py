"""A steady load: so many requests a second, from a few threads, until told to stop."""

import http.client
import threading
import time

__all__ = ["Load"]

THREADS = 6


class Load:
    """Open-loop load against one address: a slow answer does not slow the others down."""

    def __init__(self, port: int, requests_per_second: float) -> None:
        self._port = port
        self._every_s = THREADS / requests_per_second
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"load-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._ending.set()
        for thread in self._threads:
            thread.join(5)

    def _run(self, number: int) -> None:
        due = time.monotonic() + self._every_s * number / THREADS
        path = "/checkout" if number % 2 else "/"
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._every_s, time.monotonic())
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            try:
                connection.request("GET", path)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                pass  # the shop is being restarted: that is the story
            finally:
                connection.close()
