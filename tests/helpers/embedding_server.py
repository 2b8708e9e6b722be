"""An endpoint of embeddings on this machine, as strict or careless as a test wants it."""

import hashlib
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import numpy as np

from tests.helpers.replies import send

WIDTH = 8


def vector(text):
    """One that every character of the text has a part in, and so does its place."""
    found = np.zeros(WIDTH)
    for place, word in enumerate(text.split()):
        seed = int.from_bytes(hashlib.sha256(f"{place} {word}".encode()).digest()[:8], "big")
        found += np.random.default_rng(seed).normal(size=WIDTH)
    return found.astype(np.float32)


class Embedder:
    """What the server does: `limit` characters are read, beyond which it refuses ("refuse") or
    cuts ("cut"); `busy` requests get a 503 first; vectors are `turned` by a constant."""

    def __init__(self, *, limit=None, beyond="refuse", busy=0, turned=0.0, key=None):
        self.limit, self.beyond, self.busy, self.turned = limit, beyond, busy, turned
        self.key, self.asked, self.lock = key, [], Lock()

    def answer(self, request, key):
        with self.lock:
            self.asked.append(request["input"])
            if self.busy:
                self.busy -= 1
                return 503, {"error": {"message": "later"}}
        if self.key and key != f"Bearer {self.key}":
            return 401, {"error": {"message": f"wrong key {key}"}}
        texts = request["input"]
        if self.limit and self.beyond == "refuse" and any(len(t) > self.limit for t in texts):
            return 400, {"error": {"message": "this model's maximum context length is exceeded"}}
        rows = [vector(text[: self.limit]) + self.turned for text in texts]
        data = [{"index": i, "embedding": row.tolist()} for i, row in enumerate(rows)]
        return 200, {"object": "list", "data": data[::-1], "model": request["model"]}


@contextmanager
def serving(embedder):
    """Its base_url."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = self.path == "/v1/embeddings"
            key = self.headers["Authorization"]
            status, body = embedder.answer(request, key) if found else (404, {})
            send(self, status, {"Retry-After": "0.01"}, body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
