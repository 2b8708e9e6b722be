"""The documentation: pages are in the site's menu, and links and commands on them are right."""

import ast
import re
import subprocess
import sys
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

import pytest
import yaml

import lens
from lens.cli import build_parser
from lens.workflow.config import Config
from tests.helpers.pages import blocks, commands
from tests.helpers.report_page import opened
from tests.helpers.workflow_tools import ROOT, workflow_rules

PAGES = sorted((ROOT / "docs").glob("*.md"))
SOURCES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def words(page):
    """The text of a page without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text(encoding="utf-8")))


@cache
def anchors(page):
    """The names that GitHub and mkdocs give to a page's headings."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {slug(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings}


def slug(heading):
    kept = re.sub(r"[^\w\s-]", "", unicodedata.normalize("NFKD", heading)).strip().lower()
    return re.sub(r"\s+", "-", kept)


def in_menu(entries):
    for entry in entries:
        for value in entry.values():
            yield from in_menu(value) if isinstance(value, list) else [value]


def test_the_menu_names_every_page_once():
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(in_menu(menu)) == [page.name for page in PAGES]


def test_the_site_loads_nothing_from_the_network():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert site["theme"]["font"] is False  # else fonts.googleapis.com
    [script] = site["extra"]["polyfills"]  # else the plugin `offline` adds one of unpkg.com
    assert "iframe-worker" in script
    assert (ROOT / "docs" / script).is_file()


@pytest.mark.parametrize("page", SOURCES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_a_heading(page):
    broken = []
    for link in LINK.findall(words(page)):
        if not re.match(r"https?:|mailto:", link):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(link)
    assert broken == []


def test_headings_have_the_anchors_of_github():
    assert slug("1. Install, with a small encoder") == "1-install-with-a-small-encoder"
    assert slug("`lens check data`") == "lens-check-data"


def called(program):
    """(page, words after it) of the commands that call a program."""
    for page in SOURCES:
        for command in commands(page.read_text(encoding="utf-8")):
            if command and Path(command[0]).name == program:
                yield page.name, command[1:]


def test_a_page_is_read_as_a_shell_reads_it():
    page = """```sh
A=1 lens fit x.csv \\
  --out "a b" > log   # a comment
run="python b.py --seeds 2"
make demo && $run --set 1
cat > f <<'END'
lens nonsense
END
```
"""
    assert [*commands(page)] == [
        ["lens", "fit", "x.csv", "--out", "a b"],
        ["log"],
        [],
        ["make", "demo"],
        ["python", "b.py", "--seeds", "2", "--set", "1"],
        ["cat"],
        ["f"],
    ]


def test_commands_of_lens_parse(capsys):
    parser, wrong = build_parser(), []
    for page, words in called("lens"):
        try:
            parser.parse_args(words)
        except SystemExit:
            wrong.append((page, words, capsys.readouterr().err.splitlines()[-1]))
    assert wrong == []


def test_make_has_the_targets():
    targets = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {name for _, names in called("make") for name in names if "=" not in name} <= set(
        targets
    )


@pytest.mark.slow
def test_snakemake_has_the_targets_and_files():
    from snakemake.cli import get_argument_parser

    parser, wrong = get_argument_parser(), []
    for page, words in called("snakemake"):
        args = parser.parse_args(words)
        files = [*(args.configfile or []), args.workflow_profile or "workflow"]
        # `here` and `mine.yaml` are the reader's.
        wrong += [
            (page, str(file))
            for file in files
            if not (ROOT / file).exists() and Path(file).name not in ("here", "mine.yaml")
        ]
        wrong += [
            (page, name)
            for name in args.targets
            if name not in workflow_rules() and not name.startswith("results/")
        ]
    assert wrong == []


def test_scripts_are_there_and_know_their_flags():
    wrong = []
    for page, words in called("python"):
        script = ROOT / words[0]
        if words[0].startswith("-") or words[0] == "annotator.py":
            continue
        code = "".join(file.read_text() for file in script.parent.glob("*.py"))
        flags = [word for word in words if word.startswith("--")]
        wrong += [(page, flag) for flag in flags if f'"{flag}"' not in code]
        wrong += [] if script.is_file() else [(page, words[0])]
    assert wrong == []


def code_of(wanted):
    """(page, code) of the blocks in a language, except signatures in the reference."""
    for page in SOURCES:
        for language, code in blocks(page.read_text(encoding="utf-8")):
            if language == wanted and page.name != "reference.md":
                yield page.name, code


def test_python_on_pages_is_python_and_names_what_lens_exports():
    for page, code in code_of("python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "lens":
                assert hasattr(lens, node.attr), (page, node.attr)


def test_yaml_on_pages_has_keys_of_the_config():
    of_profiles = {"set-resources"}
    for page, code in code_of("yaml"):
        assert set(yaml.safe_load(code)) <= set(Config.model_fields) | of_profiles, page


@pytest.mark.slow
def test_the_site_builds_and_is_searched_without_a_network(tmp_path):
    pytest.importorskip("material", reason="mkdocs-material (extra `docs`) is missing")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    with opened(tmp_path / "index.html") as (page, troubles):
        page.locator("input.md-search__input").click()
        page.keyboard.type("length-matched", delay=20)
        page.wait_for_selector(".md-search-result__item")
        titles = page.locator(".md-search-result__item h2").all_inner_texts()
        assert "Gold at matched length" in titles
        assert troubles == []


def test_extras_that_pages_install_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for page in SOURCES:
        for names in re.findall(r"(?:lens-rm|\.)\[([a-z,]+)\]", page.read_text(encoding="utf-8")):
            assert set(names.split(",")) <= set(project["optional-dependencies"]), page.name
