"""Tables as spreadsheets, databases and people write them."""

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs
from lens.data.sources import read_rows

ROW = {"prompt": "q, and", "chosen": 'say "yes"', "rejected": "no"}


def rows_of(tmp_path, content, name="own table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [row for _, row in read_rows(path)]


TABLES = {
    "Excel in Europe": 'sep=;\nprompt;chosen;rejected\nq, and;"say ""yes""";no\n',
    "its separator in quotes": '"sep=;"\r\nprompt;chosen;rejected\r\nq, and;"say ""yes""";no\r\n',
    "tabs by a first line": 'sep=\t\nprompt\tchosen\trejected\nq, and\t"say ""yes"""\tno\n',
    "blanks in the header": ' prompt ,chosen , rejected\n"q, and","say ""yes""",no\n',
    "blanks before quotes": 'prompt, chosen, rejected\n"q, and", "say ""yes""", "no"\n',
    "backslashes": 'prompt,chosen,rejected\n"q, and","say \\"yes\\"","no"\n',
    "backslashes and blanks": 'prompt, chosen, rejected\n"q, and", "say \\"yes\\"", "no"\n',
    "a mark": '\ufeffprompt,chosen,rejected\n"q, and","say ""yes""",no\n',
    "bars": 'prompt|chosen|rejected\nq, and|"say ""yes"""|no\n',
    "single quotes": "'prompt','chosen','rejected'\n'q, and','say \"yes\"','no'\n",
    "rows that a spreadsheet left": 'prompt,chosen,rejected\n"q, and","say ""yes""",no\n,,\n , ,\n',
    "an unnamed index": ',prompt,chosen,rejected\n0,"q, and","say ""yes""",no\n',
    "an index with a name": 'Unnamed: 0,prompt,chosen,rejected\n0,"q, and","say ""yes""",no\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_whoever_wrote_them(tmp_path, name):
    assert rows_of(tmp_path, TABLES[name]) == [ROW]


def test_escapes_of_a_database(tmp_path):
    text = 'prompt,chosen,rejected\n"a \\"b\\" \\\\ c","x\\\ny",\\N\n'
    assert rows_of(tmp_path, text) == [{"prompt": 'a "b" \\ c', "chosen": "x\ny", "rejected": ""}]


def test_backslashes_stay_where_they_escape_nothing(tmp_path):
    text = 'prompt,chosen,rejected\n"\\alpha, \\n",x\\,y\n'
    assert rows_of(tmp_path, text) == [{"prompt": "\\alpha, \\n", "chosen": "x\\", "rejected": "y"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Our preferences,,\nprompt,chosen,rejected\na,b,c\n", r"title above.*: tail -n \+2 '.*'$"),
        (
            "prompt,chosen,rejected\n'a, b','c',d\n",
            r"in single quotes: python -c '.*read_csv.*' '.*table\.csv' '.*table\.new\.csv'",
        ),
        ("prompt,chosen,rejected\na,b,c\na,b,c,d\n", r"row 3: .*sed -n 3p '.*own table\.csv'$"),
        ('prompt,chosen,rejected\na,"b" c,d\n', r"after row 1: .*sed -n 1,2p '.*own table\.csv'$"),
    ],
)
def test_a_row_that_cannot_be_read_can_be_looked_at(tmp_path, text, message):
    with pytest.raises(LensError, match=message):
        rows_of(tmp_path, text)


@pytest.mark.parametrize(
    "header",
    [
        "Prompt,Response A,Response B,Winner",
        "PROMPT,RESPONSE_A,RESPONSE_B,WINNER",
        " prompt , response-a,responseB , winner",
    ],
)
def test_headers_match_whatever_their_case_and_blanks(tmp_path, header):
    path = tmp_path / "x.csv"
    path.write_text(f"{header}\nq,bad,good,B\nr,good,bad,A\ns,x,y,\n")
    pairs, form = to_pairs(read_rows(path))
    table, _ = normalise_pairs(pairs)
    assert table["chosen"].tolist() == ["good", "good"]
    assert form.unjudged == 1


def test_commas_in_a_tsv_are_read(tmp_path):
    text = 'prompt,chosen,rejected\n"q, and","say ""yes""",no\n'
    assert rows_of(tmp_path, text, "x.tsv") == [ROW]


@pytest.mark.parametrize(("code", "name"), [("utf-16", "UTF-16"), ("cp1252", "CP1252")])
def test_other_encodings_are_refused_with_the_command_that_recodes(tmp_path, code, name):
    text = "prompt,chosen,rejected\nq,sch\u00f6n,no\n"
    wanted = rf": iconv -f {name} -t UTF-8 '.*own table\.csv' > '.*own table\.new\.csv'$"
    with pytest.raises(LensError, match=wanted):
        rows_of(tmp_path, text.encode(code))


def test_a_workbook_is_refused_with_the_command_that_makes_a_table(tmp_path):
    with pytest.raises(LensError, match=r"read_excel.*' '.*own\.xlsx' '.*own\.csv'$"):
        rows_of(tmp_path, b"PK", "my own.xlsx")
