"""Snakemake's report of the default run, in a real browser: every artefact within reach, nothing
fetched, markup from data shown as text. The files are made up; test_end_to_end.py has a real run.
"""

import numpy as np
import pandas as pd
import pytest

from lens.files import artifacts
from lens.report import figures, paper_comparison
from lens.report.files import Printed, write_page
from tests.helpers.comparisons import HOSTILE, ROWS, comparisons
from tests.helpers.report_page import opened, reached
from tests.helpers.workflow_tools import ROOT, jobs, snakemake


@pytest.fixture(scope="module")
def folder(tmp_path_factory, planned):
    """Every file that the default run's artefacts would write, with hostile names in them."""
    directory = tmp_path_factory.mktemp("report")
    made = {rule: outputs for rule, _, outputs in jobs(planned())}
    outputs = {file for rule in made for file in made[rule] if "/paper/" in file}
    paper = directory / "results/offline/paper"
    printed = Printed(["what", HOSTILE], [(HOSTILE, [[HOSTILE, "1.0"]])], HOSTILE)
    fig, _ = figures.figure(1, 1, 1.0)
    figures.save(fig, paper, "any")
    pictures = {end: (paper / f"any.{end}").read_bytes() for end in ("png", "pdf")}
    for file in sorted(outputs):
        path = directory / file
        if path.suffix == ".html":
            write_page(path.parent, path.stem, [printed])
        elif path.suffix[1:] in pictures:
            path.write_bytes(pictures[path.suffix[1:]])
        else:
            path.write_text(HOSTILE)
    write_overview(directory / "results/offline")
    return directory, {file.rpartition("/")[2] for file in outputs}


def write_overview(results):
    """The first page, by its own command, of data with hostile names."""
    paper = results / "paper"
    gold = comparisons(ROWS, dataset=HOSTILE, model="</script><b>m</b>")
    artifacts.write_table(paper / "table_1.csv", gold)
    artifacts.write_table(paper / "table_1_comparisons.csv", gold)
    artifacts.write_table(paper / "table_1_observations.csv", pd.DataFrame({"seed": [0, 1, 2]}))
    claims = paper_comparison.verdicts(
        "table_1", [paper_comparison.claim(HOSTILE, np.full((3, 4), -1.0))], comparable=False
    )
    artifacts.write_table(paper / "table_1_paper.csv", claims)
    from lens.cli import main

    main(
        [
            "overview",
            "--name",
            "offline",
            "--results",
            str(results),
            "--out-dir",
            str(paper),
            "--table-1",
            str(paper / "table_1.csv"),
            "--claims",
            str(paper / "table_1_paper.csv"),
            "--observations",
            str(paper / "table_1_observations.csv"),
            "--comparisons",
            str(paper / "table_1_comparisons.csv"),
        ]
    )


@pytest.fixture(scope="module")
def report(folder):
    directory, _ = folder
    css = ROOT / "workflow/report/style.css"
    run = snakemake(
        "paper", "--report", "report.html", "--report-stylesheet", css, directory=directory
    )
    assert run.returncode == 0, run.stderr
    messages = run.stdout + run.stderr
    assert "Missing metadata for file results/offline/paper/table_1.html" in messages
    assert "(WARNING" not in messages
    assert "(ERROR" not in messages
    return directory / "report.html"


@pytest.fixture(scope="module")
def page(report):
    with opened(report) as (page, troubles):
        yield page
        assert not troubles


@pytest.mark.slow
def test_the_first_page_answers_in_words_and_one_picture(page):
    words = page.locator(".prose").inner_text()
    places = [
        words.index(title)
        for title in (
            "Run offline",
            "Result",
            "What helped",
            "What did not help",
            "What was run",
            "What it cost",
            "Comparison with the paper",
            "How to read the rest",
        )
    ]
    assert places == sorted(places)
    assert "LENS: " in words
    pictures = page.locator(".prose img").all()
    assert len(pictures) == 1
    assert pictures[0].evaluate("img => img.complete && img.naturalWidth") > 500
    assert pictures[0].get_attribute("src").startswith("data:image/png")
    assert page.locator(".prose").bounding_box()["y"] >= 0  # the top is within reach


@pytest.mark.slow
def test_markup_in_data_shows_as_text(page):
    words = page.locator(".prose").inner_text()
    assert words.count(HOSTILE) >= 3
    assert "</script><b>m</b>" in words
    assert (
        page.locator(".prose script, .prose b, .prose img[onerror], .system-message").count() == 0
    )


@pytest.mark.slow
def test_every_artefact_is_reached_by_clicking(page, folder):
    _, outputs = folder
    all_of_them = set(page.evaluate("Object.values(results).map((result) => result.name)"))
    assert all_of_them <= outputs
    assert {name for name in outputs if name.endswith((".html", ".png", ".pdf"))} <= all_of_them
    assert reached(page) == all_of_them


@pytest.mark.slow
def test_links_and_the_rest_of_the_menu_work(page):
    for entry in ("Statistics", "About"):
        page.locator("nav nav a").first.click()
        page.locator("nav li a", has=page.get_by_text(entry, exact=True)).click()
    page.locator("nav nav a").first.click()
    page.locator("nav li a", has=page.get_by_text("Workflow", exact=True)).click()
    page.locator(".prose a", has_text="Theory").click()
    page.locator("nav tbody tr").first.wait_for()
    assert "Figure 5" in page.locator("nav").first.inner_text()


@pytest.mark.slow
def test_a_missing_artefact_is_named(folder):
    directory, _ = folder
    lost = directory / "results/offline/paper/theory_map.png"
    kept = lost.read_bytes()
    lost.unlink()
    run = snakemake("paper", "--report", "other.html", directory=directory)
    lost.write_bytes(kept)
    assert run.returncode != 0
    assert "results/offline/paper/theory_map.png marked for report but does not exist" in run.stderr
    assert not (directory / "other.html").exists()
