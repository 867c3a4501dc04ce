"""A steady stream of requests, counted by what they answered."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

_PAUSE = 0.01


def fetch(url: str, timeout: float = 5.0) -> str:
    """The body at an http URL; OSError or HTTPException when there is none, or no 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}: {body[:200]}")
        return body.strip()
    finally:
        connection.close()


class Traffic:
    """Requests in the background, each on a connection of its own, until stopped."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                body = fetch(self._url)
                found = re.search(r"version (\S+?),", body)
                self.versions[found.group(1) if found else "?"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {error!r}")
            time.sleep(_PAUSE)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
