"""A connection to Redis: one command, one answer (RESP, version 2)."""

import socket

PORT = 6379


class Store:
    """Use with `with`. OSError when there is no answer in time, or when the answer is an error."""

    def __init__(self, host, timeout=3.0):
        self._socket = socket.create_connection((host, PORT), timeout)
        self._answers = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._answers.close()
        self._socket.close()

    def __call__(self, *words):
        """The answer: bytes, int, None or a list of these."""
        encoded = [str(word).encode() for word in words]
        parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self._socket.sendall(b"*%d\r\n%s" % (len(words), parts))
        return self._answer()

    def _answer(self):
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the store hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise OSError(rest.decode())
        if kind == b"+":
            return rest
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return None
        if kind == b"*":
            return [self._answer() for _ in range(number)]
        body = self._answers.read(number + 2)
        if len(body) < number + 2:
            raise ConnectionResetError("the store hung up")
        return body[:-2]
