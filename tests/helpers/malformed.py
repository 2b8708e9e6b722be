"""What makes odd and malformed files of preferences, as bytes, and what must become of them."""

import io
import json
import zipfile
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lens.core.errors import LONGEST

EVIL = "\x1b]0;owned\x07\u202e\u2066"  # what would steer a terminal


@dataclass(frozen=True)
class Kept:
    """The pairs left, and how many rows were dropped for which reason."""

    pairs: int
    dropped: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """What the message says, beside the file's name; a pattern."""

    reason: str


def good(count=12):
    return [
        {"prompt": f"question {i}", "chosen": f"good {i}", "rejected": f"bad {i}"}
        for i in range(1, count + 1)
    ]


def lines(*rows) -> bytes:
    raw = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return b"".join(line + b"\n" for line in raw)


def among(*odd) -> bytes:
    """JSON lines: 12 good rows, but row 7 and on are these."""
    rows = good()
    return lines(*rows[:6], *odd, *rows[6 + len(odd) :])


def pair(prompt="question 7", chosen="good 7", rejected="bad 7", **more):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def table(*odd, header="prompt,chosen,rejected", mark=",", end="\n") -> bytes:
    """CSV: a header, 6 good rows (2 to 7), then these, then good ones to the end."""
    rows = [mark.join(row.values()) for row in good()]
    return end.join([header, *rows[:6], *odd, *rows[6 + len(odd) :], ""]).encode()


def parquet(frame) -> bytes:
    file = io.BytesIO()
    pq.write_table(frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame), file)
    return file.getvalue()


def columns(**more) -> bytes:
    """Parquet with 12 good rows and these columns in their place or beside them."""
    rows = good()
    plain = {name: [row[name] for row in rows] for name in rows[0]}
    return parquet(pa.table(plain | more))


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<sheet/>")
    return file.getvalue()


def twice_named() -> bytes:
    plain = pa.table(pd.DataFrame(good()))
    return parquet(plain.append_column("chosen", plain["rejected"]))


def thousand(odd: bytes) -> bytes:
    rows = good(1200)
    return lines(*rows[:999], odd, *rows[1000:])


def contents(folder):
    """The entries of a folder by name: a file's bytes, or its kind if it is no regular file."""
    return {
        path.name: path.read_bytes() if path.is_file() else path.lstat().st_mode
        for path in folder.iterdir()
    }


def check_message(text, path):
    """One message, of a few lines at most, that names the file and cannot steer a terminal."""
    assert path.name in text
    assert len(text) < LONGEST + 200
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert text.count("\n") < 4
    assert "Traceback" not in text
