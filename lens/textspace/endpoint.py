"""Answers from an OpenAI-compatible endpoint, each saved in a cache file as soon as it arrives.

Saved answers are not requested again: an interrupted run, or one that ran out of money, resumes.
"""

import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.core.settings import KEY_VARIABLE
from lens.files.endpoints import LATER, check_address, client, error_line, hide, host, read_key

if TYPE_CHECKING:
    from openai import OpenAI

CHARACTERS_PER_TOKEN = 4  # for estimates
FAILURES_IN_A_ROW = 20  # after these the endpoint counts as down
THIS_TEXT = (400, 413, 422)  # statuses that may concern one text only: too long, or filtered
LINE = b'{"key": "'  # beginning of each line of the cache


class NoAnswerError(Exception):
    """One request failed; others may succeed."""


class RefusedError(Exception):
    """The endpoint refuses; further requests would fail, too."""


def to_stderr(line: str) -> None:
    """Prints a line to standard error; the default `log`."""
    print(line, file=sys.stderr)


def ask_endpoint(
    texts: Sequence[str],
    *,
    base_url: str,
    model: str,
    cache: Path,
    key_variable: str = KEY_VARIABLE,
    temperature: float = 0.0,
    max_tokens: int = 512,
    timeout: float = 60.0,
    retries: int = 5,
    parallel: int = 8,
    input_price: float | None = None,
    output_price: float | None = None,
    max_spend: float | None = None,
    log: Callable[[str], None] = to_stderr,
) -> list[str | None]:
    """The model's answer per text [n], each sent as one user message; None for failed requests.

    `base_url` ends before /chat/completions; `cache` is a file of JSON lines, created or continued;
    `timeout` is in seconds; prices are USD per million tokens, `max_spend` USD. The API key comes
    from the environment variable `key_variable`; an endpoint on this machine needs none.

    If the server is busy, broken or silent, a request is sent again up to `retries` times, with
    back-off. An empty answer is "". Raises LensError before any request if the requests may cost
    more than `max_spend`. Raises it later if the server refuses one (a wrong key, model or text),
    or if 20 requests in a row fail. Answers stay in the cache.
    """
    check_address(base_url)
    answers = read_cache(cache)
    settings = [base_url.rstrip("/"), model, float(temperature), max_tokens]
    asked = (json.dumps([*settings, text]) for text in texts)
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in asked]
    missing: dict[str, int] = {}  # {cache key: row} of the distinct texts without an answer
    for row, key in enumerate(keys):
        if key not in answers:
            missing.setdefault(key, row)
    tokens_in = sum(math.ceil(len(texts[row]) / CHARACTERS_PER_TOKEN) for row in missing.values())
    tokens_out = len(missing) * max_tokens
    spend = _spend(tokens_in, tokens_out, input_price, output_price)
    log(
        f"{model} at {host(base_url)}: {len(missing)} calls, "
        f"{sum(key in answers for key in keys)} of {len(texts)} answers are in {cache}; about "
        f"{tokens_in:,} tokens read, at most {tokens_out:,} written"
        + ("" if spend is None else f", at most about ${spend:.2f}")
    )
    if max_spend is not None:
        _check_spend(spend, max_spend)
    if missing:
        secret = read_key(key_variable, base_url)
        with client(base_url, secret, timeout, retries) as asking:
            complete = partial(
                _complete, asking, model=model, temperature=temperature, max_tokens=max_tokens
            )
            answers |= _ask_all(complete, secret, texts, missing, cache, parallel, log)
    return [answers.get(key) for key in keys]


def read_cache(path: Path) -> dict[str, str]:
    """Answers by key. An incomplete last line, from a killed process, is removed from the file.

    Raises LensError for a file with other lines and does not change it.
    """
    data = path.read_bytes() if path.exists() else b""
    *lines, torn = data.split(b"\n")
    answers: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            answers[entry["key"]] = entry["answer"]
        except (ValueError, KeyError, TypeError):
            raise _not_a_cache(path, number) from None
    if torn[: len(LINE)] != LINE[: len(torn)]:
        raise _not_a_cache(path, len(lines) + 1)
    if torn:
        os.truncate(path, len(data) - len(torn))
    return answers


def _not_a_cache(path: Path, number: int) -> LensError:
    return LensError(
        f"{path}: line {number} is not an answer saved by lens. Remove the line, or name another "
        "file as cache."
    )


def _spend(
    tokens_in: int, tokens_out: int, input_price: float | None, output_price: float | None
) -> float | None:
    """Cost in USD; None if a price is unknown."""
    if input_price is None or output_price is None:
        return None
    return (tokens_in * input_price + tokens_out * output_price) / 1e6


def _check_spend(spend: float | None, max_spend: float) -> None:
    if spend is None:
        raise LensError("max_spend: the prices are unknown. Set input_price and output_price, too.")
    if spend > max_spend:
        raise LensError(
            f"the calls may cost ${spend:.2f}, more than max_spend ${max_spend:.2f}. No call was "
            "made. Raise max_spend, lower max_new_tokens, or judge fewer pairs."
        )


def _complete(client: "OpenAI", text: str, **request: Any) -> str:
    """The model's answer to one text.

    After the client's retries it raises NoAnswerError for errors that may be temporary or concern
    this text only, and RefusedError for the others.
    """
    import openai

    try:
        reply = client.chat.completions.create(
            messages=[{"role": "user", "content": text}], **request
        )
    except openai.APIStatusError as error:
        status = error.status_code
        temporary = status in LATER or status in THIS_TEXT or status >= 500
        raise (NoAnswerError if temporary else RefusedError)(str(error)) from None
    except openai.APIConnectionError as error:
        raise NoAnswerError(f"{error} {error.__cause__ or ''}") from None
    except (openai.APIError, ValueError) as error:  # ValueError: the body is not JSON
        raise NoAnswerError(f"the answer is not a chat completion: {error}") from None
    try:
        content = reply.choices[0].message.content or ""
    except (AttributeError, IndexError, TypeError):  # the client does not check
        raise NoAnswerError(f"the answer is not a chat completion: {reply}") from None
    if not isinstance(content, str):
        raise NoAnswerError(f"the answer is not text: {content}")
    return content


def _ask_all(
    complete: Callable[[str], str],
    secret: str | None,
    texts: Sequence[str],
    missing: Mapping[str, int],
    cache: Path,
    parallel: int,
    log: Callable[[str], None],
) -> dict[str, str]:
    """Answers by key, without failed requests; each is saved in the cache first."""
    answers: dict[str, str] = {}
    problems: list[str] = []
    in_a_row = 0
    lock = Lock()

    def ask(key: str, row: int) -> None:
        nonlocal in_a_row
        try:
            answer = hide(complete(texts[row]), secret)
        except RefusedError as error:
            refusal = f"the endpoint refuses text {row} ({len(texts[row])} characters)"
            raise RefusedError(f"{refusal}: {error_line(error, secret, 1000)}") from None
        except NoAnswerError as error:
            with lock:
                problems.append(error_line(error, secret, 300))
                in_a_row += 1
                if in_a_row >= FAILURES_IN_A_ROW:
                    raise RefusedError(
                        f"the endpoint seems to be down: {FAILURES_IN_A_ROW} requests in a row "
                        f"failed, the last one: {problems[-1]}"
                    ) from None
        else:
            with lock:
                file.write(json.dumps({"key": key, "answer": answer}) + "\n")
                file.flush()
                answers[key] = answer
                in_a_row = 0

    cache.parent.mkdir(parents=True, exist_ok=True)
    with open(cache, "a", encoding="utf-8") as file, ThreadPoolExecutor(parallel) as pool:
        futures = [pool.submit(ask, key, row) for key, row in missing.items()]
        done = as_completed(futures)
        try:
            for future in Bar(done, total=len(futures), desc="judge", unit="call"):
                future.result()
        except RefusedError as error:
            # Waits for running requests: they are paid for, and their answers are saved.
            pool.shutdown(cancel_futures=True)
            raise LensError(
                f"{error}. {len(answers)} answers of this run are saved in {cache}. Fix the cause "
                "and run again to resume."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
    if problems:
        log(
            f"{len(problems)} of {len(missing)} calls got no answer, the last one: {problems[-1]}. "
            "Run again to repeat these calls."
        )
    return answers
