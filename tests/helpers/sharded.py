"""Stages run in shards, by their commands, and stopped on the way."""

import json

from lens.files.embeddings import read_embedded

ROWS = 23


def prompt(text):
    return json.dumps([{"role": "user", "content": text}])


def shard_file(folder, number, suffix="safetensors"):
    return folder / f"shards/{number}.{suffix}"


def embed(pairs, model, folder, shard=0, of=1, *more, command="embed-pairs"):
    out = shard_file(folder, shard)
    return (
        *(
            f"{command} --pairs {pairs} --model {model} --device cpu --shard {shard} --shards "
            f"{of} --flush 8 --out {out} --metrics {out.with_suffix('.json')}"
        ).split(),
        *more,
    )


def gather(folder, of, command="gather-embeddings", out="embeddings.json", suffix="safetensors"):
    files = [shard_file(folder, number, suffix) for number in range(of)]
    return (
        command,
        "--shards",
        *files,
        *f"--out {folder / out} --metrics {folder}/metrics.json".split(),
    )


def whole(lens, pairs, model, folder, of):
    for shard in range(of):
        lens(*embed(pairs, model, folder, shard, of))
    lens(*gather(folder, of))
    _, found = read_embedded(pairs, folder / "embeddings.json")
    return {name: rows[:] for name, rows in found.items()}


def blocks(folder):
    return sorted(file.name for file in folder.glob("shards/blocks/*"))


class StoppedError(Exception):
    pass


def damage(path, place=-3):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
