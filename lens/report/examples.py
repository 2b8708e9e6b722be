"""Examples with texts from data, which show as text whatever markup they hold."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from lens.report.render import escape_latex, escape_markdown

LONGEST = 1200  # characters of a text that are shown


@dataclass(frozen=True)
class Example:
    """`texts` are (label, text) in the order of reading; both are plain text."""

    title: str
    texts: Sequence[tuple[str, str]]

    def markdown(self) -> str:
        parts = [f"{escape_markdown(label)}\n\n{fenced(text)}" for label, text in self.texts]
        return "\n\n".join([f"**{escape_markdown(self.title)}**", *parts]) + "\n"

    def latex(self) -> str:
        parts = [f"\\emph{{{escape_latex(label)}}}\n\n{_lines(text)}" for label, text in self.texts]
        body = "\n\n".join([r"\begin{quote}", *parts, r"\end{quote}"])
        return f"\\paragraph{{{escape_latex(self.title)}}}\n{body}\n"

    def html(self) -> str:
        """A part of a page."""
        parts = [
            f"<p class='label'>{escape(label)}</p><pre>{escape(text)}</pre>"
            for label, text in self.texts
        ]
        return "\n".join([f"<h3>{escape(self.title)}</h3>", *parts])


def fenced(text: str) -> str:
    """A Markdown block that shows the text as it is: its fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *text.splitlines(), fence])


def _lines(text: str) -> str:
    return "\n\n".join(escape_latex(line) for line in text.splitlines() if line.strip())


def conversation(prompt: str) -> str:
    """A prompt, JSON messages, as text: a single turn alone, more of them with their roles."""
    messages = json.loads(prompt)
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def excerpt(text: str, longest: int = LONGEST) -> str:
    """The text, or its two ends where it is too long."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"
