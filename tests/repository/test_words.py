"""Plain English: phrases that readers stumbled over stay out of pages, captions and docstrings, and
the pages are short."""

import ast
import json
import re

import pytest

from tests.helpers.workflow_tools import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
OTHERS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config.yaml")),
    ROOT / "docs/notebook.ipynb",
    *sorted((ROOT / "workflow").rglob("*.rst")),
    *sorted((ROOT / "workflow/configs").glob("*.yaml")),
]
GENERATED = {"reference.md", "config.md"}

# What not to write: what to write.
WORDS = {
    r"\bmend\w*": "fix",
    r"\banew\b": "again",
    r"\b(lie|lies|stand|stands) in\b": "is in",
    r"\bstands? beside\b": "is next to, is compared with",
    r"\b(is|are|be) told\b": "no detectable difference; the interval includes 0",
    r"\btold (apart|from)\b": "clearly different (the interval excludes 0)",
    r"\b(one|two|\d+) \w+ an? (text|seed|class|pair|prompt|epoch|row|line)\b": "per text",
    r"\bfor want of\b": "not enough",
    r"\bbut for\b": "except for",
    r"\b(of )?(one's|your) own (pairs|pool|data|labels)\b": "your pairs",
    r"\bwithout \w+ that need not exist\b": "without materialising",
    r"\b(keeps? its word|what it is worth)\b": "is reliable; how well it works",
    r"\bthe same bytes\b": "identical files",
    r"\bleft out for\b": "skipped: not enough",
    r"\bbeside\b": "next to, with, compared with",
    r"\bless (that|those) of\b": "minus that of",
    r"\bthe same (of|by) (an?|the|gold)\b": "the whole thing",
    r"\b(go|goes|gone|went) on\b": "continues",
    r"\bsays so\b": "reports it",
    r"\btill\b": "until",
    r"\b(speaks? of|says? nothing of)\b": "is about",
    r"\bin place of\b": "instead of",
    r"\bas many \w+ an?\b": "as many per",
    r"\bof one's own\b": "your",
    r"\btells? (\w+ of|nothing apart)\b": "says more about; distinguishes nothing",
    r"\b(is|are|was|were|has|have) (begun|ended)\b": "started, stopped, finished",
    r"\bof all of them\b": "in total",
    r", exactly\.": "is identical to",
}


def prose(page):
    """A page without its code, which shows what commands print; of the changelog what is new."""
    text = page.read_text(encoding="utf-8")
    if page.name == "CHANGELOG.md":
        text = re.split(r"^## \[", text, flags=re.M)[1]
    if page.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`|\s+", " ", text)


def words_of(page):
    """Code counts; the bars and rules of tables, and signs, do not."""
    return sum(any(map(str.isalnum, word)) for word in page.read_text(encoding="utf-8").split())


def test_the_pages_are_short_enough_to_read():
    counts = {page.name: words_of(page) for page in PAGES if page.name not in GENERATED}
    assert sum(counts.values()) <= 20_000, counts
    assert words_of(ROOT / "README.md") <= 800


def test_both_first_pages_tell_the_same_finding():
    found = {
        " ".join(re.search(r"\*\*What we found: (.+?)\*\*", path.read_text(), re.DOTALL)[1].split())
        for path in (ROOT / "README.md", ROOT / "docs/index.md")
    }
    assert len(found) == 1


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.name)
def test_pages_use_plain_words(page):
    text = prose(page)
    found = {
        match[0]: instead
        for pattern, instead in WORDS.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    }
    assert found == {}, "write the words on the right"


@pytest.mark.slow
def test_the_code_s_texts_use_plain_words():
    """Messages, help and docstrings, of private functions too."""
    found = {
        (str(file.relative_to(ROOT)), match[0]): instead
        for file in sorted((ROOT / "lens").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for pattern, instead in WORDS.items()
        for match in re.finditer(pattern, " ".join(node.value.split()), re.IGNORECASE)
    }
    assert found == {}, "write the words on the right"


@pytest.mark.parametrize(
    "phrase",
    [
        "one vector a text",
        "No difference is told.",
        "It stands in the file",
        "mended",
        "your own pairs",
        "the score beside it",
        "less that of the control",
        "The same by a reward model",
        "the figures went on",
        "and the page says so",
        "no label speaks of it",
        "as many pairs an epoch",
        "pairs of one's own",
        "It tells more of preferences",
        "training has ended",
        "is the probe, exactly.",
    ],
)
def test_phrases_are_found(phrase):
    assert any(re.search(pattern, phrase, re.IGNORECASE) for pattern in WORDS)
