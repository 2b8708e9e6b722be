"""Numbers as text, for tables and messages."""

from lens.report.render import duration, size


def test_lengths_of_time_in_words():
    assert [duration(s) for s in (0.2, 59, 600, 7200)] == ["1 s", "59 s", "10 min", "2.0 h"]


def test_bytes_in_words():
    assert [size(n) for n in (12, 2e3, 3.44e9, 5e12)] == ["12 B", "2.0 kB", "3.4 GB", "5.0 TB"]
