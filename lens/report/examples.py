"""Examples with texts from data; markup in the texts is shown as plain text."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from lens.report.render import escape_latex, escape_markdown

LONGEST = 1200  # characters shown of one text


@dataclass(frozen=True)
class Example:
    """A titled list of (label, text), all plain text."""

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
        """The example as HTML for the body of a page."""
        parts = [
            f"<p class='label'>{escape(label)}</p><pre>{escape(text)}</pre>"
            for label, text in self.texts
        ]
        return "\n".join([f"<h3>{escape(self.title)}</h3>", *parts])


def fenced(text: str) -> str:
    """A Markdown code block of the text; its fence is longer than any fence in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *text.splitlines(), fence])


def _lines(text: str) -> str:
    return "\n\n".join(escape_latex(line) for line in text.splitlines() if line.strip())


def conversation(prompt: str) -> str:
    """A prompt (JSON messages) as text; more than one turn are shown with their roles."""
    messages = json.loads(prompt)
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def excerpt(text: str, longest: int = LONGEST) -> str:
    """The text, without its middle if it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"
