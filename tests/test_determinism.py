"""The same seed gives the same bytes wherever and whenever a stage runs."""

import json
from concurrent.futures import ThreadPoolExecutor

from machines import ELSEWHERE, HERE, differing, python, written
from workflow_tools import ROOT

LOOK = (
    "import json, os, time; time.sleep(0.2); "
    "print(json.dumps([int(time.time()) // 10**8, int(time.perf_counter()) // 10**8, hash('a'), "
    "time.strftime('%Z'), open('1').encoding, os.listdir(), "
    "[e.name for e in os.scandir('.')], [str(p) for p in __import__('pathlib').Path().glob('*')], "
    "os.environ['OMP_NUM_THREADS']]))"
)


def test_the_two_machines_differ_in_all_that_must_not_count(tmp_path):
    for name in "123":
        (tmp_path / name).touch()
    one, other = (json.loads(python(m, "-c", LOOK, folder=tmp_path)) for m in (HERE, ELSEWHERE))
    assert len(one) == 9
    assert [a for a, b in zip(one, other, strict=True) if a == b] == []


def test_stages_write_the_same_bytes_on_both_machines(tmp_path):
    """Clock, hash seed, time zone, locale, order of folders, threads and working directory differ;
    the files from raw pairs to Table 1 do not."""
    folders = {"here": HERE, "some/where/else": ELSEWHERE}
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    with ThreadPoolExecutor(2) as pool:
        for run in [
            pool.submit(python, machine, ROOT / "tests/tiny_stages.py", folder=tmp_path / name)
            for name, machine in folders.items()
        ]:
            run.result()
    one, other = (written(tmp_path / name) for name in folders)
    assert len(one) > 50
    assert differing(one, other) == []
