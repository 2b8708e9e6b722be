"""The code on a page of the documentation."""

import contextlib
import io
import os
import re
import shlex
import subprocess

from tests.helpers import warm

OPERATORS = set("();<>|&")


def blocks(text):
    """(language, code) of the fenced blocks, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(language, code, folder):
    """What a block of a page prints, run in a folder: Python in this process."""
    if language == "python":
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, {"__name__": "__main__"})
        return printed.getvalue()
    environment = os.environ | {"PATH": warm.path()}
    done = subprocess.run(
        ["sh", "-ec", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    return done.stdout


def commands(text):
    """The words of each command in a page's shell blocks, without variables set before it."""
    for language, code in blocks(text):
        if language in ("sh", "bash"):
            code = re.sub(r"<<'(\w+)'.*?^\1$", "", code, flags=re.MULTILINE | re.DOTALL)
            values = dict(re.findall(r'^(\w+)="([^"]*)"$', code, re.MULTILINE))
            for name, value in values.items():
                code = code.replace(f"${name} ", f"{value} ")
            for line in code.replace("\\\n", " ").splitlines():
                yield from _of_line(line)


def _of_line(line):
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = []
    for token in [*lexer, ";"]:
        if not set(token) <= OPERATORS:
            words.append(token)
        elif words:
            start = next((i for i, word in enumerate(words) if "=" not in word), len(words))
            yield words[start:]
            words = []
