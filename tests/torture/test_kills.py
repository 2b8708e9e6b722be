"""Kills on the way to the small world, which ends with the same bytes as one left alone."""

import json
import random
import shutil
import sys
import time
from collections import Counter

import pytest

from lens.files import artifacts
from tests.helpers.torture_tools import RESULTS, contents, differing, kill, processes, stages, start
from tests.helpers.workflow_tools import run

KILLS, SEED = 25, 7
WHAT = ("snakemake alone", "snakemake and all its stages", "one stage")

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are read in /proc"),
]


class Disturbed:
    """A run of the small world that is started again and again."""

    def __init__(self, directory):
        self.directory, self.said = directory, directory / "said.txt"
        self.sessions, self.process, self.starts, self.hurt = set(), None, 0, False
        self.failed_unhurt = 0  # ends with an error in which no stage had been killed

    def finished(self):
        return len(list((self.directory / "results/small/benchmarks").rglob("*.jsonl")))

    def is_running(self):
        """Whether Snakemake runs; its ends with an error where no stage was killed are counted."""
        if self.process is None:
            return False
        status = self.process.poll()
        if status is not None:
            self.failed_unhurt += status > 0 and not self.hurt
            self.process = None
        return self.process is not None

    def go_on(self):
        if not self.is_running():
            self.process = start(self.directory, self.said)
            self.sessions.add(self.process.pid)
            self.starts, self.hurt = self.starts + 1, False

    def wait(self, enough, seconds=900):
        """Until enough() or Snakemake ends."""
        end = time.monotonic() + seconds
        while self.is_running() and not enough():
            assert time.monotonic() < end, self.said.read_text()[-3000:]
            time.sleep(0.05)

    def end(self, reference):
        """The run brought to its end; returns what differs from one that was left alone."""
        self.wait(lambda: False)
        while stages(self.sessions):  # those that outlived their Snakemake
            time.sleep(0.1)
        last = run(self.directory, "--cores", 2)
        assert last.returncode == 0, last.stdout + last.stderr
        self.starts += 1
        return differing(self.directory, reference)

    def strike(self, what, choose):
        """Kills; returns the rules that were running, or of the stage, or None where it has just
        ended."""
        mine = {self.process.pid}
        running = stages(mine)
        if what == "one stage" and not running:
            return None
        if what == "one stage":
            victim = choose(sorted(running))
            self.hurt = True
            kill(victim)
            return [running[victim]]
        kill(self.process.pid)
        self.process.wait()
        if what == "snakemake and all its stages":
            kill(*processes(mine))
        self.process = None
        unlocked = run(self.directory, "--unlock")
        assert unlocked.returncode == 0, unlocked.stderr
        return sorted(running.values())


def one_kill(world, draw, what, left, jobs):
    """Waits for some jobs to end and a while more, then kills; None where the run ended before."""
    world.go_on()
    before, rest = world.finished(), jobs - world.finished()
    if what != "one stage" and draw.random() < 0.15:  # while Snakemake still reads its files
        moment = time.monotonic() + draw.uniform(0, 4)
        world.wait(lambda: time.monotonic() > moment)
    else:
        more = before + draw.randint(0, max(0, min(2 * rest // (left + 1), rest - left - 2)))
        world.wait(lambda: world.finished() >= more and stages({world.process.pid}))
        moment = time.monotonic() + draw.uniform(0, 5)
        world.wait(
            lambda: (
                time.monotonic() > moment and (what != "one stage" or stages({world.process.pid}))
            )
        )
    if not world.is_running():
        return None
    finished, rules = world.finished(), world.strike(what, draw.choice)
    return rules if rules is None else {"what": what, "finished": finished, "rules": rules}


@pytest.fixture
def world(tmp_path):
    world = Disturbed(tmp_path)
    yield world
    kill(*processes(world.sessions))  # where the test itself was cut short


def test_twenty_five_kills_leave_no_trace(world, small_world, tmp_path):
    draw, begun = random.Random(SEED), time.monotonic()
    jobs = len(list((small_world / "results/small/benchmarks").rglob("*.jsonl")))
    kinds = draw.sample(WHAT * -(-KILLS // len(WHAT)), KILLS)
    kills, different, compared = [], [], 0
    while len(kills) < KILLS:
        if not world.is_running() and world.finished() == jobs:  # and kills are left
            different += world.end(small_world)
            compared += 1
            shutil.rmtree(tmp_path / "results")
        done = one_kill(world, draw, kinds[len(kills)], KILLS - len(kills), jobs)
        kills += [done] if done else []
    different += world.end(small_world)
    compared += 1
    again = run(tmp_path, "--cores", 2)
    by_what = Counter(each["what"] for each in kills)
    rules = Counter(rule for each in kills for rule in each["rules"] or ["no stage"])
    artifacts.write_json(
        RESULTS / "kills.json",
        {
            "kills": len(kills),
            "seed": SEED,
            "by_what": by_what,
            "by_rule": rules,
            "each": kills,
            "starts": world.starts,
            "runs_compared": compared,
            "failures_without_a_kill": world.failed_unhurt,
            "seconds": round(time.monotonic() - begun, 1),
            "files_compared": sum(each is not None for each in contents(small_world).values()),
            "different": sorted(different),
            "identical": not different,
        },
    )
    assert different == []
    assert "Nothing to be done" in again.stdout + again.stderr
    assert world.failed_unhurt == 0, world.said.read_text()[-5000:]
    assert set(by_what) == set(WHAT)
    assert len(rules) > 5, json.dumps(kills)
    said = world.said.read_text()
    assert "Traceback" not in said
    assert "is damaged" not in said
