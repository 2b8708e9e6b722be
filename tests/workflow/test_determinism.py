"""The same seed gives the same bytes wherever and whenever a stage runs."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from lens.files import artifacts
from tests.helpers.machines import ELSEWHERE, HERE, differing, environment, python, written
from tests.helpers.workflow_tools import PROFILE, ROOT, SMALL, snakemake

LOOK = (
    "import json, os, time; time.sleep(0.2); "
    "print(json.dumps([int(time.time()) // 10**8, int(time.perf_counter()) // 10**8, hash('a'), "
    "time.strftime('%Z'), open('1').encoding, os.listdir(), "
    "[e.name for e in os.scandir('.')], [str(p) for p in __import__('pathlib').Path().glob('*')], "
    "os.environ['OMP_NUM_THREADS']]))"
)


@pytest.mark.slow
def test_the_two_machines_differ_in_all_that_must_not_count(tmp_path):
    for name in "123":
        (tmp_path / name).touch()
    one, other = (json.loads(python(m, "-c", LOOK, folder=tmp_path)) for m in (HERE, ELSEWHERE))
    assert len(one) == 9
    assert [a for a, b in zip(one, other, strict=True) if a == b] == []


@pytest.mark.slow
def test_stages_write_the_same_bytes_on_both_machines(tmp_path):
    """Clock, hash seed, time zone, locale, order of folders, threads and working directory differ;
    the files from raw pairs to Table 1 do not."""
    folders = {"here": HERE, "some/where/else": ELSEWHERE}
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    with ThreadPoolExecutor(2) as pool:
        for run in [
            pool.submit(
                python, machine, ROOT / "tests/helpers/tiny_stages.py", folder=tmp_path / name
            )
            for name, machine in folders.items()
        ]:
            run.result()
    one, other = (written(tmp_path / name) for name in folders)
    assert len(one) > 50
    assert differing(one, other) == []


# They say what the run took.
TIMES = re.compile(r"benchmarks/|paper/overview(_observations\.csv|\.md|\.rst)$")


@pytest.mark.torture
def test_a_whole_run_writes_the_same_bytes_on_another_machine(small_world, tmp_path):
    """With one job at a time, too, where the first had two; tables, figures, models, embeddings,
    answers and scores. The result goes to results/torture/determinism.json."""
    run = snakemake(
        *PROFILE, "--configfile", SMALL, "--cores", 1, directory=tmp_path, **environment(ELSEWHERE)
    )
    assert run.returncode == 0, run.stderr
    one, other = (
        {
            name: content
            for name, content in written(folder / "results/small").items()
            if not TIMES.search(name)
        }
        for folder in (small_world, tmp_path)
    )
    bad = differing(one, other)
    artifacts.write_json(
        ROOT / "results/torture/determinism.json",
        {
            "files_compared": len(one | other),
            "files_equal": len(one | other) - len(bad),
            "differing": bad,
            "other_machine": ELSEWHERE | {"cores": 1},
        },
    )
    assert len(one) > 200
    assert bad == []
