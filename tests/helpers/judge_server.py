"""A judge's endpoint on this machine that answers by script."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from threading import Event, Lock, Thread
from typing import NamedTuple

import pytest

from tests.helpers.replies import send

KEY = "sk-planted-0123456789"
needs_openai = pytest.mark.skipif(find_spec("openai") is None, reason="openai is not installed")
SOON = {"Retry-After": "0.01"}  # the client waits half a second and more at 0 or without it
HANG = "hang"
DROP = "drop"


class Asked(NamedTuple):
    texts: list[str]
    keys: list[str]


@contextmanager
def server(script):
    """(base_url, what was asked so far) of a server; script(text, times asked) says what it does.

    It says HANG, DROP (the connection), or (status, headers, body as bytes or JSON).
    """
    asked, lock, over = Asked([], []), Lock(), Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = request["messages"][0]["content"]
            with lock:
                asked.texts.append(text)
                asked.keys.append(self.headers["Authorization"])
                reply = script(text, asked.texts.count(text))
            if reply == HANG:
                over.wait(10)
            if reply in (HANG, DROP):
                self.close_connection = True
                return
            status, more, body = reply
            send(self, status, more, body)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):  # a client that has gone away
            pass

    running = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/v1", asked
    finally:
        over.set()
        running.shutdown()
        running.server_close()
        thread.join()


def says(content):
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return 200, {}, {"id": "1", "object": "chat.completion", "choices": [choice]}


def echo(text, times):
    return says(f"{text} [[A]]")
