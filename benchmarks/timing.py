"""How `make bench` takes its times and lists its ratios."""

import statistics
import time


def seconds(runs: int, *ways, clock=time.perf_counter) -> list[float]:
    """Median time of each way over `runs`, run in turns so that a busy moment hits all alike."""
    for way in ways:
        way(warm=True)
    times = [[] for _ in ways]
    for _ in range(runs):
        for way, own in zip(ways, times, strict=True):
            start = clock()
            way(warm=False)
            own.append(clock() - start)
    return [statistics.median(own) for own in times]


def add(
    rows: list,
    name: str,
    peer: str,
    ratio: float,
    goal: float,
    *,
    at_most: bool = False,
    **more: float,
) -> None:
    """Appends a row of the table and prints it, with `more` beside it; `at_most` where less is
    better."""
    met = ratio <= goal if at_most else ratio >= goal
    row = {"name": name, "peer": peer, "ratio": round(ratio, 2), "goal": goal, "met": met}
    rows.append(row | more)
    sign, verdict = "<=" if at_most else ">=", "met" if met else "NOT MET"
    beside = "".join(f"  {key.replace('_', ' ')} {value}" for key, value in more.items())
    print(
        f"{name:<56} {peer:<26} {ratio:>8.2f}  goal {sign} {goal:<5} {verdict}{beside}", flush=True
    )


def skip(rows: list, name: str, peer: str, goal: float | None, why: str) -> None:
    """Appends a row that could not be measured here, and prints why."""
    row = {"name": name, "peer": peer, "ratio": None, "goal": goal, "met": None, "why": why}
    rows.append(row)
    aim = "" if goal is None else f"goal >= {goal:<5} "
    print(f"{name:<56} {peer:<26}        -  {aim}not measured: {why}", flush=True)
