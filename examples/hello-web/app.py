"""A small web application: says its message, its version and which pod answered.

GET /        the answer, as plain text
GET /healthz 200 while it takes traffic, 503 once it has been asked to stop

On SIGTERM it goes on answering for a moment, so that no request is lost while the cluster takes the
pod out of its Service.
"""

import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8080
DRAIN_SECONDS = 5  # a busy machine may take some to tell everybody
MESSAGE = Path("/etc/hello/message")
VERSION = os.environ.get("VERSION", "unknown")
stopping = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(*((503, "stopping") if stopping.is_set() else (200, "ok")))
        if self.path != "/":
            return self.answer(404, "not found")
        message = MESSAGE.read_text().strip()
        return self.answer(200, f"{message} (version {VERSION}, pod {socket.gethostname()})")

    def answer(self, status, text):
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        if self.path != "/healthz":
            print(time.strftime("%H:%M:%S"), format % args, flush=True)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


def stop(signum, frame):
    stopping.set()
    threading.Timer(DRAIN_SECONDS, server.shutdown).start()


server = Server(("", PORT), Handler)
signal.signal(signal.SIGTERM, stop)
print(f"hello-web {VERSION} listens on port {PORT}", flush=True)
server.serve_forever()
