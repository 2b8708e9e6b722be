"""The code on a page of the documentation."""

import re


def blocks(text):
    """(language, code) of the fenced blocks, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
