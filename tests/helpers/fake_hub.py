"""A small Hub: an HTTP server with the few endpoints by which files are listed and downloaded."""

import hashlib
import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?")
FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Hub:
    """`repositories` is {("models", "org/name"): {commit: folder}}; `main` is the last commit.
    `gated` are names whose files are refused, and `asked` notes every (method, path, token)."""

    def __init__(self):
        self.repositories, self.gated, self.asked = {}, set(), []

    def add(self, name: str, folder, kind: str = "models") -> str:
        """One more commit, which `main` points to."""
        commits = self.repositories.setdefault((kind, name), {})
        commit = hashlib.sha1(f"{name}{len(commits)}".encode()).hexdigest()
        commits[commit] = Path(folder)
        return commit

    @contextmanager
    def serving(self):
        """Yields the address for HF_ENDPOINT."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer()

            def do_HEAD(self):
                self.answer()

            def answer(self):
                path = unquote(urlsplit(self.path).path)
                hub.asked.append((self.command, path, self.headers.get("authorization")))
                status, headers, body = hub.answer(path)
                self.send_response(status)
                for key, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) as huggingface.co gives them."""
        if found := API.fullmatch(path):
            kind, name, what, revision = found.groups()
            rest = None
        elif found := FILE.fullmatch(path):
            kind, name, revision, rest = found.groups()
            kind, what = "datasets" if kind else "models", "file"
        else:
            return 404, {}, b"{}"
        commits = self.repositories.get((kind, name))
        if commits is None:  # as to those who have not said who they are
            return 401, {"X-Error-Code": "RepoNotFound"}, b"{}"
        commit = list(commits)[-1] if revision in (None, "main") else revision
        if commit not in commits:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        folder = commits[commit]
        if what in (None, "revision"):
            return 200, {}, json.dumps({"id": name, "sha": commit, "siblings": []}).encode()
        if what == "tree":
            return 200, {}, json.dumps([entry(folder, f) for f in files(folder)]).encode()
        if name in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        file, headers = folder / rest, {"X-Repo-Commit": commit}
        if not file.is_file():
            return 404, {**headers, "X-Error-Code": "EntryNotFound"}, b"{}"
        body = file.read_bytes()
        return 200, {**headers, "ETag": f'"{hashlib.sha1(body).hexdigest()}"'}, body


def files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def entry(folder: Path, file: Path) -> dict:
    body = file.read_bytes()
    return {
        "type": "file",
        "path": file.relative_to(folder).as_posix(),
        "size": len(body),
        "oid": hashlib.sha1(body).hexdigest(),
    }
