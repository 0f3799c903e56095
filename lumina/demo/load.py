"""A steady load: users who log in, look around, ask for scans and mostly log out, until told to stop."""

import http.client
import itertools
import threading
import time

__all__ = ["Load"]

THREADS = 6
FORGETFUL = 3  # every third user leaves without logging out
_VISIT = (
    ("GET", "/"),
    ("GET", "/checkout"),
    ("GET", "/api/compliance"),
    ("GET", "/checkout"),
    ("POST", "/api/compliance/scans"),
    ("GET", "/"),
    ("GET", "/api/compliance"),
    ("GET", "/checkout"),
    ("GET", "/"),
    ("GET", "/checkout"),
)
VISITS = 3  # rounds of that, a user


class Load:
    """Open-loop load against one address: a slow answer does not slow the others down."""

    def __init__(self, port: int, requests_per_second: float) -> None:
        self._port = port
        self._every_s = THREADS / requests_per_second
        self._ending = threading.Event()
        self._users = itertools.count(1)
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
        while True:
            user = next(self._users)
            for method, path in _steps(user):
                if self._ending.wait(max(0.0, due - time.monotonic())):
                    return
                due = max(due + self._every_s, time.monotonic())
                self._ask(method, path, user)

    def _ask(self, method: str, path: str, user: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request(method, path, headers={"Cookie": f"user={user}"})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass  # the shop is being restarted: that is the story
        finally:
            connection.close()


def _steps(user: int) -> list[tuple[str, str]]:
    """What a user does, in order."""
    end = [] if user % FORGETFUL == 0 else [("POST", f"/logout/{user}")]
    return [("POST", f"/login/{user}"), *(_VISIT * VISITS), *end]
