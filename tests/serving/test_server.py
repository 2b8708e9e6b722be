"""`lens serve`: OpenRLHF's form, tokens, limits, and a server that is killed."""

import base64
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from http.client import HTTPException

import numpy as np
import pytest

from lens.core.errors import LensError
from tests.helpers import warm
from tests.helpers.word_pairs import some_rows

pytest.importorskip("starlette", reason="starlette is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

from starlette.testclient import TestClient

from lens.serving import server
from lens.serving.server import Limits, Rates, application, is_loopback


def lengths(prompts, responses):
    """A reward that can be read off; it refuses what is called bad."""
    if "bad" in responses:
        raise LensError("text 1: a reward is not finite.")
    both = zip(prompts, responses, strict=True)
    return np.array([len(prompt[-1]["content"]) + len(text) / 10 for prompt, text in both])


def asked(*responses):
    return {"query": [f"ab{r}" for r in responses], "prompts": ["ab"] * len(responses)}


@pytest.fixture
def client():
    with TestClient(application(lengths)) as client:
        yield client


def test_it_answers_as_openrlhf_reads_it(client):
    given = client.post("/get_reward", json=asked("x", "xyz") | {"labels": ["", ""]})
    assert given.status_code == 200
    assert given.json() == {"rewards": [2.1, 2.3], "scores": [2.1, 2.3], "extra_logs": {}}
    assert client.post("/get_reward", json={"query": []}).json()["rewards"] == []
    assert client.get("/health").json() == {"status": "ok"}


def test_what_cannot_be_scored_is_said(client):
    given = client.post("/get_reward", json={"query": ["no prompt"]})
    assert given.status_code == 400
    assert "query 1: its prompt is not known" in given.json()["error"]
    assert client.post("/get_reward", json=asked("bad")).status_code == 400
    assert client.get("/get_reward").status_code == 405
    text = client.post("/get_reward", content=b"{}", headers={"Content-Type": "text/plain"})
    assert text.status_code == 415


def test_requests_that_wait_are_scored_together_and_a_bad_one_spoils_no_other():
    calls, first = [], threading.Event()

    def slow(prompts, responses):
        calls.append(len(responses))
        first.wait(5)
        return lengths(prompts, responses)

    with TestClient(application(slow)) as client:
        found = {}

        def ask(name):
            found[name] = client.post("/get_reward", json=asked(name))

        names = ["x", "xy", "bad", "xyz", "xyzz"]
        threads = [threading.Thread(target=ask, args=[name]) for name in names]
        threads[0].start()
        while not calls:
            time.sleep(0.001)
        for thread in threads[1:]:
            thread.start()
        time.sleep(0.2)
        first.set()
        for thread in threads:
            thread.join()
    assert found.pop("bad").status_code == 400
    for name, answer in found.items():
        assert answer.json()["rewards"] == [2 + len(name) / 10]
    assert calls[:2] == [1, 4]


def test_size_is_limited():
    with TestClient(application(lengths, limits=Limits(bytes=100, texts=2))) as client:
        assert client.post("/get_reward", json=asked("x", "y")).status_code == 200
        assert client.post("/get_reward", json=asked("x", "y", "z")).status_code == 400
        large = client.post("/get_reward", json=asked("x" * 100))
        assert (large.status_code, large.json()["error"]) == (
            413,
            "the body is larger than 100 bytes.",
        )

        def parts():  # without a Content-Length
            for _ in range(100):
                yield b" " * 10

        headers = {"Content-Type": "application/json"}
        assert client.post("/get_reward", content=parts(), headers=headers).status_code == 413


def test_rate_is_limited_by_address():
    rates = Rates(2.0)
    assert [rates.allows("a", 0.0) for _ in range(4)] == [True, True, False, False]
    assert rates.allows("b", 0.0)
    assert [rates.allows("a", 0.5) for _ in range(2)] == [True, False]
    assert [rates.allows("a", 100.0) for _ in range(3)] == [True, True, False]
    with TestClient(application(lengths, limits=Limits(rate=1))) as client:
        assert client.post("/get_reward", json=asked("x")).status_code == 200
        refused = client.post("/get_reward", json=asked("x"))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")


def test_what_waits_is_limited(monkeypatch):
    monkeypatch.setattr(server, "WAITING", 1)
    with TestClient(application(lengths)) as client:
        assert client.post("/get_reward", json=asked("x")).status_code == 200
        assert client.post("/get_reward", json=asked("x", "y")).status_code == 503
        assert client.post("/get_reward", json=asked("x")).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer s3cret", 200),
        ("Bearer s3cre", 401),
        ("Bearer ", 401),
        ("s3cret", 401),
        ("Basic " + base64.b64encode(b"lens:s3cret").decode(), 200),
        ("Basic " + base64.b64encode(b"s3cret:").decode(), 401),
        ("Basic !!", 401),
    ],
)
def test_a_token_is_asked_for(header, status):
    with TestClient(application(lengths, token="s3cret")) as client:
        headers = {} if header is None else {"Authorization": header}
        given = client.post("/get_reward", json=asked("x"), headers=headers)
    assert given.status_code == status
    assert "s3cret" not in given.text


def test_other_machines_need_a_token(monkeypatch):
    monkeypatch.delenv("LENS_SERVE_TOKEN", raising=False)
    for host in ("0.0.0.0", "::", "192.168.0.4", "example.org"):
        assert not is_loopback(host)
        with pytest.raises(LensError, match="a token is needed"):
            server.serve(None, host=host, port=0, limits=Limits())
    assert all(map(is_loopback, ("127.0.0.1", "127.8.0.1", "::1", "localhost")))


def start(model, port=0):
    """A server in a process of its own, and its address once it is up."""
    command = [shutil.which("lens", path=warm.path()), "serve", str(model), "--device", "cpu"]
    process = subprocess.Popen(
        [*command, "--threads", "1", "--port", str(port)], stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    assert line.startswith("serving http://127.0.0.1:"), line
    return process, line.split()[1]


def ask(address, body, tries=1, pause=0.2):
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    for _ in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["rewards"]
        except (OSError, HTTPException):  # killed before or while it answered
            time.sleep(pause)
    raise AssertionError("no answer")


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again_answers_every_request(model, saved):
    rows = some_rows(60, seed=5)
    prompts, responses = [r["prompt"] for r in rows], [r["chosen"] for r in rows]
    expected = model.score(prompts, responses)
    process, address = start(saved)
    port = int(address.rsplit(":", 1)[1].partition("/")[0])
    found, answered = {}, threading.Semaphore(0)

    def client(numbers):
        for number in numbers:
            whole = prompts[number] + "\n" + responses[number]
            body = {"query": [whole], "prompts": [prompts[number]]}
            found[number] = ask(address, body, tries=300)
            answered.release()

    threads = [threading.Thread(target=client, args=[range(k, 60, 4)]) for k in range(4)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(10):
            assert answered.acquire(timeout=60)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert len(found) < 60
        process, again = start(saved, port)
        assert again == address
        for thread in threads:
            thread.join()
    finally:
        process.kill()
        process.wait()
    np.testing.assert_allclose([found[i][0] for i in range(60)], expected, atol=1e-5)


@pytest.mark.slow
def test_a_port_that_is_taken_is_said(saved, fail):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "Choose another --port." in fail("serve", saved, "--port", port, "--device", "cpu")
