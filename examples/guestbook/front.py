"""The guestbook's front end: a page with the entries, and a form for one more.

GET /        the page; entries are read from a follower, from the leader when there is none
POST /       `entry=…` is written to the leader; 303 to the page once it is safe on the followers,
             503 when the store does not answer or has no follower
GET /healthz 200 while it takes traffic, 503 once it has been asked to stop

It keeps nothing itself: any front end shows what was written through any other.
"""

import html
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from resp import Store

PORT = 8080
DRAIN_SECONDS = 3
LEADER, FOLLOWER = "store-leader", "store-follower"
KEY = "entries"
SHOWN = 100
LONGEST = 500
LARGEST_BODY = 8192
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Guestbook</title>
<h1>Guestbook</h1>
<form method="post" action="/">
<input name="entry" maxlength="{longest}" required autofocus>
<button>Sign</button>
</form>
<ul>
{entries}
</ul>
<footer>answered by {pod}</footer>
</html>
"""
stopping = threading.Event()


def entries():
    """The last entries, newest first."""
    try:
        with Store(FOLLOWER) as store:
            found = store("LRANGE", KEY, -SHOWN, -1)
    except OSError:
        with Store(LEADER) as store:
            found = store("LRANGE", KEY, -SHOWN, -1)
    return [entry.decode() for entry in reversed(found)]


def sign(entry):
    """Write an entry; OSError unless a follower has it too. Waits for all that are there."""
    with Store(LEADER) as store:
        store("RPUSH", KEY, entry)
        _, _, followers = store("ROLE")
        if not store("WAIT", max(1, len(followers)), 2000):
            raise OSError("no follower has the entry")


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(*((503, "stopping\n") if stopping.is_set() else (200, "ok\n")))
        if self.path != "/":
            return self.answer(404, "not found\n")
        try:
            shown = "\n".join(f"<li>{html.escape(entry)}</li>" for entry in entries())
        except OSError as error:
            return self.unavailable(error)
        page = PAGE.format(longest=LONGEST, entries=shown, pod=socket.gethostname())
        return self.answer(200, page, "text/html")

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            return self.answer(413, f"a form of at most {LARGEST_BODY} bytes is taken\n")
        form = parse_qs(self.rfile.read(int(length)).decode(errors="replace"))
        if self.path != "/":
            return self.answer(404, "not found\n")
        entry = form.get("entry", [""])[0].strip()
        if not 0 < len(entry) <= LONGEST:
            return self.answer(400, f"send entry=… of 1 to {LONGEST} characters\n")
        try:
            sign(entry)
        except OSError as error:
            return self.unavailable(error)
        return self.answer(303, "", Location="/")

    def unavailable(self, error):
        self.log_message("store: %s", error)
        return self.answer(503, "the store is away; try again in a moment\n")

    def answer(self, status, text, kind="text/plain", **headers):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
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
print(f"guestbook listens on port {PORT}", flush=True)
server.serve_forever()
