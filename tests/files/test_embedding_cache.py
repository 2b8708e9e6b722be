"""Embeddings that were made before are found by encoder and tokens, and by nothing else."""

import numpy as np
import pytest

from lens.files import embedding_cache
from lens.files.embedding_cache import Cache, trim

TEXTS = [[1, 5, 6], [1, 5], [1, 7, 7, 7]]
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def added(encoder, texts, vectors):
    with Cache(encoder) as cache:
        cache.add(texts, vectors)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("LENS_CACHE", str(tmp_path))
    return tmp_path / "embeddings"


def test_known_texts_are_found_at_their_places():
    added({"model": "a"}, TEXTS, VECTORS)
    found = Cache({"model": "a"}).find([[9], TEXTS[2], TEXTS[0]])
    assert found.keys() == {1, 2}
    assert np.array_equal(found[1], VECTORS[2])
    assert np.array_equal(found[2], VECTORS[0])


def test_another_encoder_and_other_tokens_find_nothing():
    added({"model": "a", "layer": -1}, TEXTS, VECTORS)
    assert not Cache({"model": "a", "layer": 2}).find(TEXTS)
    assert not Cache({"model": "a", "layer": -1}).find([[1, 5, 6, 0], [1], [156]])


def test_what_is_added_later_is_found_beside_what_was_there():
    added({}, TEXTS[:2], VECTORS[:2])
    added({}, TEXTS[2:], VECTORS[2:])
    found = Cache({}).find(TEXTS)
    assert np.array_equal(np.stack([found[place] for place in range(3)]), VECTORS)


def test_a_damaged_file_is_removed_and_its_texts_are_new(root, caplog):
    added({}, TEXTS, VECTORS)
    (file,) = root.glob("*/*.safetensors")
    file.write_bytes(file.read_bytes()[:20])
    assert not Cache({}).find(TEXTS)
    assert not file.exists()
    assert "it is damaged" in caplog.text


def test_off_keeps_nothing(root, monkeypatch):
    monkeypatch.setenv("LENS_CACHE", "off")
    added({}, TEXTS, VECTORS)
    assert not Cache({}).find(TEXTS)
    assert not root.exists()


def test_by_default_it_is_in_the_user_s_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("LENS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert embedding_cache.folder() == tmp_path / "cache/lens/embeddings"


def test_what_was_used_longest_ago_goes_first(root):
    import os

    for number in range(3):
        added({"model": number}, TEXTS, VECTORS)
    files = sorted(root.glob("*/*.safetensors"))
    for age, file in enumerate(files):
        os.utime(file, (1e9 - age, 1e9 - age))
    size = files[0].stat().st_size
    trim(root, limit=2 * size)
    assert sorted(root.glob("*/*.safetensors")) == sorted(files[:2])


def test_much_is_written_before_the_end_and_found_beside_what_is_new(root, monkeypatch):
    monkeypatch.setattr(embedding_cache, "AT_ONCE", 2 * VECTORS[0].nbytes)
    cache = Cache({})
    cache.add(TEXTS[:1], VECTORS[:1])
    assert not root.exists()
    cache.add(TEXTS[1:2], VECTORS[1:2])
    assert len(list(root.glob("*/*.safetensors"))) == 1
    cache.add(TEXTS[2:], VECTORS[2:])
    found = cache.find([*TEXTS, TEXTS[0]])
    assert np.array_equal(np.stack([found[place] for place in range(4)]), VECTORS[[0, 1, 2, 0]])


def test_what_another_run_has_removed_is_not_found(root):
    added({}, TEXTS, VECTORS)
    cache = Cache({})
    (file,) = root.glob("*/*.safetensors")
    file.unlink()
    assert cache.find(TEXTS) == {}
