"""An endpoint as judge: a real server, and one that fails by script."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from lens.core.errors import LensError
from lens.textspace.endpoint import ask_endpoint, read_cache
from tests.helpers.judge_server import DROP, HANG, KEY, SOON, echo, needs_openai, says, server


@pytest.fixture(autouse=True)
def planted_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(texts, base_url, cache, **options):
    return ask_endpoint(
        texts, base_url=base_url, model="judge", cache=cache, **{"retries": 2, **options}
    )


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "judge" / "answers.jsonl"


def answers_of(texts):
    return [f"{text} [[A]]" for text in texts]


@pytest.mark.slow
@needs_openai
def test_answers_keep_their_places_and_are_asked_once(cache, capsys):
    texts = ["x", "y", "x", "z"]
    with server(echo) as (base_url, asked):
        assert ask(texts, base_url, cache) == answers_of(texts)
        assert sorted(asked.texts) == ["x", "y", "z"]
        assert set(asked.keys) == {f"Bearer {KEY}"}
    first = capsys.readouterr().err
    assert "3 calls, 0 of 4 answers are in" in first
    assert f"about 3 tokens read, at most {3 * 512:,} written" in first
    assert ask(texts, base_url, cache) == answers_of(texts)  # nobody listens any more
    assert "0 calls, 4 of 4 answers are in" in capsys.readouterr().err
    assert len(cache.read_text().splitlines()) == 3


@needs_openai
def test_other_settings_are_other_questions(cache):
    with server(lambda text, times: says(str(times))) as (base_url, _):
        assert ask(["x"], base_url, cache) == ["1"]
        assert ask(["x"], base_url, cache, temperature=0.5) == ["2"]
        assert ask(["x"], base_url, cache, max_tokens=7) == ["3"]
        answer = ask_endpoint(["x"], base_url=base_url, model="other", cache=cache)
        assert answer == ["4"]
        assert ask(["x"], base_url + "/", cache, temperature=0) == ["1"]


@needs_openai
def test_a_busy_server_is_asked_again(cache):
    def script(text, times):
        return (429, SOON, {"error": {"message": "slow down"}}) if times < 3 else echo(text, times)

    with server(script) as (base_url, asked):
        assert ask(["x", "y"], base_url, cache) == answers_of("xy")
    assert sorted(asked.texts) == ["x"] * 3 + ["y"] * 3


@needs_openai
@pytest.mark.parametrize(
    ("broken", "times", "words"),
    [
        ((500, SOON, {"error": {"message": "out of order"}}), 3, "out of order"),
        ((429, SOON, {"error": {"message": "no quota"}}), 3, "no quota"),
        ((200, {}, b"{nonsense"), 1, "not a chat completion"),
        ((200, {}, {"choices": None}), 1, "not a chat completion"),
        ((200, {}, {"choices": [{"message": {"content": ["[[A]]"]}}]}), 1, "is not text"),
        ((200, {"Content-Type": "text/html"}, b"<h1>Log in</h1>"), 1, "Log in"),
    ],
    ids=["500", "429", "no JSON", "no choices", "is not text", "a web page"],
)
def test_what_fails_for_good_is_none_and_others_go_on(cache, capsys, broken, times, words):
    def script(text, _):
        return broken if text == "bad" else echo(text, _)

    with server(script) as (base_url, asked):
        assert ask(["x", "bad", "y"], base_url, cache) == ["x [[A]]", None, "y [[A]]"]
    assert asked.texts.count("bad") == times
    said = capsys.readouterr().err
    assert "1 of 3 calls got no answer" in said
    assert words in said
    assert len(read_cache(cache)) == 2


@pytest.mark.slow
@needs_openai
@pytest.mark.parametrize("silence", [HANG, DROP])
def test_a_server_that_does_not_answer(cache, capsys, silence):
    def script(text, times):
        return silence if text == "bad" else echo(text, times)

    with server(script) as (base_url, asked):
        assert ask(["bad", "y"], base_url, cache, timeout=0.5, retries=1) == [None, "y [[A]]"]
    assert asked.texts.count("bad") == 2
    assert ("timed out" if silence == HANG else "Connection error") in capsys.readouterr().err


@pytest.mark.slow
@needs_openai
def test_a_rerun_asks_only_for_the_rest(cache):
    """The server dies half way: what it said is kept, and 20 failures in a row end the run."""
    texts = [f"t{i}" for i in range(100)]
    alive = set(texts[:7])

    def script(text, times):
        return echo(text, times) if text in alive else (503, {"x-should-retry": "false"}, {})

    with server(script) as (base_url, asked):
        with pytest.raises(LensError, match="seems to be down: 20 requests in a row") as stopped:
            ask(texts, base_url, cache, parallel=2)
        assert f"7 answers of this run are saved in {cache}" in str(stopped.value)
        assert 27 <= len(asked.texts) < 100
        assert sorted(read_cache(cache).values()) == sorted(answers_of(alive))
        alive.update(texts)
        asked.texts.clear()
        assert ask(texts, base_url, cache) == answers_of(texts)
        assert sorted(asked.texts) == sorted(texts[7:])


@pytest.mark.slow
@needs_openai
def test_failures_that_are_not_in_a_row_do_not_stop(cache):
    texts = [str(i) for i in range(45)]

    def script(text, times):
        good = int(text) % 20 == 19
        return echo(text, times) if good else (503, {"x-should-retry": "false"}, {})

    with server(script) as (base_url, _):
        answers = ask(texts, base_url, cache, parallel=1)
    assert [i for i, answer in enumerate(answers) if answer] == [19, 39]


@needs_openai
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_stops_at_once_and_hides_the_key(cache, capsys, status):
    def script(text, times):
        if text == "x":
            return echo(text, times)
        return status, {}, {"error": {"message": f"not with {KEY}, nor with this model"}}

    with server(script) as (base_url, asked), pytest.raises(LensError) as stopped:
        ask(["x", *map(str, range(30))], base_url, cache, parallel=1)
    message = str(stopped.value)
    assert f"text 1 (1 characters): Error code: {status}" in message
    assert "not with [API key], nor with this model" in message
    assert "1 answers of this run are saved" in message
    assert asked.texts[:2] == ["x", "0"]
    assert len(asked.texts) < 31
    assert list(read_cache(cache).values()) == ["x [[A]]"]
    assert KEY not in message + capsys.readouterr().err + cache.read_text()
    assert stopped.value.__suppress_context__


@needs_openai
@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_text_that_is_refused_does_not_stop_the_others(cache, status):
    def script(text, times):
        return (
            (status, {}, {"error": {"message": "too long"}}) if text == "y" else echo(text, times)
        )

    with server(script) as (base_url, asked):
        assert ask(["x", "y", "z"], base_url, cache) == ["x [[A]]", None, "z [[A]]"]
        assert len(asked.texts) == 3  # no retry would mend it


def test_a_password_in_the_address_is_refused_and_not_repeated(cache):
    with pytest.raises(LensError, match="it holds a user name, a password or a query") as stopped:
        ask(["x"], "https://me:hunter2@judge.example/v1", cache)
    assert "hunter2" not in str(stopped.value)


@needs_openai
def test_a_key_that_the_server_repeats_is_kept_nowhere(cache, capsys):
    def script(text, times):
        if text == "x":
            return says(f"you are {KEY} [[B]]")
        return 500, SOON, {"error": {"message": f"who is {KEY}"}}

    with server(script) as (base_url, _):
        assert ask(["x", "y"], base_url, cache) == ["you are [API key] [[B]]", None]
    said = capsys.readouterr().err
    assert "who is [API key]" in said
    assert KEY not in cache.read_text() + said


@needs_openai
@pytest.mark.parametrize("content", ["", None])
def test_an_empty_answer_is_an_answer(cache, content):
    with server(lambda text, times: says(content)) as (base_url, asked):
        assert ask(["x"], base_url, cache) == [""]
        assert ask(["x"], base_url, cache) == [""]
    assert asked.texts == ["x"]


@needs_openai
@pytest.mark.parametrize("keep", [1, 30, -1])
def test_a_torn_last_line_is_dropped(cache, keep):
    with server(echo) as (base_url, asked):
        ask(["x", "y"], base_url, cache, parallel=1)
        whole, torn = cache.read_bytes().splitlines(keepends=True)
        cache.write_bytes(whole + torn[:keep])
        assert ask(["x", "y", "z"], base_url, cache, parallel=1) == answers_of("xyz")
        assert asked.texts == ["x", "y", "y", "z"]
        assert cache.read_bytes().startswith(whole + torn)
        assert ask(["x", "y", "z"], base_url, cache) == answers_of("xyz")
        assert len(asked.texts) == 4


@pytest.mark.parametrize("data", [b"prompt,chosen\na,b\n", b'[{"a": 1}]', b'{"key": "k"}\n', b"\n"])
def test_a_file_that_is_no_cache_stays_as_it_is(tmp_path, data):
    path = tmp_path / "pairs.csv"
    path.write_bytes(data)
    with pytest.raises(LensError, match=r"pairs.csv: line 1 is not an answer"):
        ask(["x"], "http://localhost:1/v1", path)
    assert path.read_bytes() == data


@needs_openai
def test_spend_is_bounded_before_any_request(cache, capsys):
    """12 characters are 3 tokens in, 2 answers at most 200 out: 3 * $0.02 + 200 * $0.1."""
    texts, options = ["8 letter", "four"], {"max_tokens": 100, "input_price": 20_000}
    with server(echo) as (base_url, asked):
        with pytest.raises(LensError, match=r"may cost \$20\.06, more than max_spend \$20\.05"):
            ask(texts, base_url, cache, **options, output_price=100_000, max_spend=20.05)
        assert "at most about $20.06" in capsys.readouterr().err
        with pytest.raises(LensError, match="Set input_price and output_price"):
            ask(texts, base_url, cache, **options, max_spend=100)
        assert asked.texts == []
        assert not cache.exists()
        ask(texts[:1], base_url, cache, **options, output_price=100_000, max_spend=20.06)
        ask(texts, base_url, cache, **options, output_price=100_000, max_spend=10.02)
        assert asked.texts == texts


@needs_openai
def test_no_key_is_needed_on_this_machine_only(cache, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with server(echo) as (base_url, asked):
        assert ask(["x"], base_url, cache) == answers_of("x")
        assert asked.keys == ["Bearer none"]
        with pytest.raises(LensError, match=r"MY_KEY: not set, but api\.example\.com needs"):
            ask(["y"], "https://api.example.com/v1", cache, key_variable="MY_KEY")
        monkeypatch.setenv("MY_KEY", "mine\n")
        assert ask(["z"], base_url, cache, key_variable="MY_KEY") == answers_of("z")
        assert asked.keys[1:] == ["Bearer mine"]
        monkeypatch.setenv("MY_KEY", "mi\nne")
        with pytest.raises(LensError, match="MY_KEY: has characters that no API key has"):
            ask(["w"], base_url, cache, key_variable="MY_KEY")


def test_an_address_that_is_none(cache):
    with pytest.raises(LensError, match="'localhost:8000/v1': not the address"):
        ask(["x"], "localhost:8000/v1", cache)


def test_without_the_package(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(LensError, match=r'pip install "lens-rm\[endpoint\]"'):
        ask(["x"], "http://localhost:1/v1", cache)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def transformers_serve(folder, log):
    """The base_url of `transformers serve`, a real OpenAI-compatible server, once it listens."""
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (
        open(log, "w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process,
    ):
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


@pytest.mark.slow
@needs_openai
def test_a_real_server(llama_folder, tmp_path, cache):
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package)
    options = {"model": str(llama_folder), "cache": cache, "max_tokens": 8}
    texts = ["w1 w2 w3", "w39 w38", "w1 w2 w3"]
    with transformers_serve(llama_folder, tmp_path / "log") as base_url:
        answers = ask_endpoint(texts, base_url=base_url, **options)
        other = ask_endpoint(["w1"], base_url=base_url, **{**options, "model": "another"})
    assert other == [None]  # it serves the one model and says 400
    assert answers == [greedy(llama_folder, text, 8) for text in texts]
    assert answers[0] != answers[1]
    again = ask_endpoint(texts, base_url=base_url, **options)  # the server is gone
    assert again == answers


def greedy(folder, text, max_tokens):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    model = AutoModelForCausalLM.from_pretrained(folder)
    output = model.generate(**ids, do_sample=False, max_new_tokens=max_tokens)
    new = output[0, ids["input_ids"].shape[1] :]
    return tokenizer.decode(new, skip_special_tokens=True)
