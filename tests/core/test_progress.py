"""How far work is: a bar on a terminal, a line every half minute in a log."""

import time

import pytest

from lens.core import progress
from lens.core.progress import Bar


@pytest.fixture
def clock(monkeypatch):
    """The time that bars see, a list of one number."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def bar(clock, **options):
    made = Bar(**{"desc": "embed", "unit": "token", "total": 4800, **options})
    made._time = lambda: clock[0]
    made.start_t = made.last_print_t = clock[0]
    return made


def test_a_log_gets_a_line_every_half_minute(clock, capsys):
    made = bar(clock)
    for _ in range(12):  # two minutes
        clock[0] += 10
        made.update(200)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "embed: 600 of 4,800 tokens (12 %), 00:30 so far, about 03:30 left",
        "embed: 1,200 of 4,800 tokens (25 %), 01:00 so far, about 03:00 left",
        "embed: 1,800 of 4,800 tokens (38 %), 01:30 so far, about 02:30 left",
        "embed: 2,400 of 4,800 tokens (50 %), 02:00 so far, about 02:00 left",
    ]
    made.update(2400)
    made.close()
    assert capsys.readouterr().err == "embed: 4,800 of 4,800 tokens (100 %), 02:00 so far\n"


def test_work_of_less_than_half_a_minute_says_nothing_in_a_log(clock, capsys):
    with bar(clock) as made:
        for _ in range(20):
            clock[0] += 1
            made.update(100)
    assert capsys.readouterr().err == ""


def test_where_no_total_is_known_it_says_how_far_it_is(clock, capsys):
    made = bar(clock, total=None, unit="row", desc="score")
    clock[0] += 31
    made.update(50)
    assert capsys.readouterr().err == "score: 50 rows, 00:31 so far\n"


def test_a_bar_that_is_not_shown_counts_and_says_nothing(clock, capsys):
    assert list(Bar(range(3), shown=False)) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    list(Bar(range(3), desc="vae", unit="epoch"))
    assert "vae: 100%|" in capsys.readouterr().err
