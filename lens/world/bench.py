"""The offline world's version of RewardBench: pairs of answers that differ in one fault.

Rows have RewardBench's form (id, prompt, chosen, rejected, subset). The better answer is certain:
the true reward of `chosen` is at least one point higher.
"""

from random import Random

from lens.world.texts import PHRASES, THINGS, listing, told_and_wanted, write_prompt

SUBSETS = ("wrong_thing", "missing_thing", "rude_remark")


def draw_bench(kind: str, count: int, seed: int, taken: set[str]) -> list[dict]:
    """`count` rows, alternating the subsets, with distinct prompts that are not in `taken`.

    wrong_thing: one thing is named that the prompt does not tell of instead of one that it wants;
    missing_thing: one is left out; rude_remark: both name all, one with a kind remark, the other
    with a rude one.
    """
    random, taken = Random(f"{seed}/{kind}/bench"), set(taken)
    rows: list[dict[str, str]] = []
    while len(rows) < count:
        prompt = write_prompt(kind, random)
        told, wanted = told_and_wanted(kind, prompt)
        if prompt in taken or len(wanted) < 2:
            continue
        taken.add(prompt)
        subset = SUBSETS[len(rows) % len(SUBSETS)]
        things = sorted(wanted, key=prompt.split().index)
        subject = ("you have " if kind == "dialogue" else "they have ") * (random.random() < 0.7)
        chosen, rejected = (
            subject + listing([f"{thing}s" for thing in named]) + remark + " ."
            for named, remark in _two_answers(subset, things, told, random)
        )
        row = {"id": f"{kind}-{len(rows)}", "prompt": prompt, "chosen": chosen}
        rows.append(row | {"rejected": rejected, "subset": subset})
    return rows


def _two_answers(subset: str, things: list[str], told: set[str], random: Random) -> tuple:
    """(things named, remark) of the better and of the worse answer."""
    if subset == "rude_remark":
        kind, rude = random.choice(PHRASES["kind"][1:]), random.choice(PHRASES["rude"])
        return (things, f" . {kind}"), (things, f" . {rude}")
    faulty = random.randrange(len(things))
    made_up = [random.choice([thing for thing in THINGS if thing not in told])]
    instead = made_up if subset == "wrong_thing" else []
    return (things, ""), (things[:faulty] + instead + things[faulty + 1 :], "")
