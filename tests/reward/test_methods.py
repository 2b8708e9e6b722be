"""The table of methods: each trains, follows its seed, and is its source on the one path."""

import importlib
import sys

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.latent import synthesis
from lens.latent.vae import VAE
from lens.reward import methods, mlp
from lens.reward.method import NO_LOOK, Method
from tests.helpers.linear_world import HEAD, SYNTHESIS, linear_world, train


@pytest.mark.slow
@pytest.mark.parametrize("method", [m.name for m in methods.METHODS.values() if not m.active])
def test_every_method_trains_and_follows_its_seed(method):
    data, _ = linear_world(count=60)
    torch.manual_seed(0)
    options = {
        "scale": 4 if methods.METHODS[method].augments else 1,
        "vae": VAE(6, 8, 2, "shared_trunk_separate_heads"),
        "head": {**HEAD, "epochs": 2},
        "settings": SYNTHESIS,
    }
    first, again, other = (train(method, data, seed=seed, **options).weights for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    if method not in (*methods.PROBES, "lens_plus"):  # closed form, where no network has a share
        assert any(not np.array_equal(first[name], other[name]) for name in first)


SOURCES = {  # of pairs, a VAE, LENS's latents for so many kept, and a seed
    "repeat": lambda pairs, vae, latents, seed: synthesis.originals(*pairs),
    "lens": lambda pairs, vae, latents, seed: synthesis.Decoded(vae, *pairs, latents(2)),
    "synthetic_only": lambda pairs, vae, latents, seed: synthesis.Decoded(vae, *pairs, latents(3)),
    "gaussian_sampling": lambda pairs, vae, latents, seed: synthesis.gaussian_sampling(
        *pairs, seed=seed
    ),
    "direct_perturbation": lambda pairs, vae, latents, seed: synthesis.direct_perturbation(
        *pairs, noise_variance=0.7, seed=seed
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", SOURCES)
def test_a_method_is_its_source_on_the_one_training_path(method):
    """What `methods.train` does, put together by hand: source, composition, seeds, settings."""
    data, _ = linear_world(count=60)
    pairs = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    torch.manual_seed(0)
    vae, seed = VAE(6, 8, 2, "separate_everything"), derive_seed(3, "synthesis")
    drawn = {"candidates_per_kept": 5, "noise_variance": 0.3}

    def latents(keep):
        return synthesis.lens_latents(vae, *pairs, keep=keep, seed=seed, **drawn)

    compose = synthesis.compose_synthetic if method == "synthetic_only" else synthesis.compose
    source, head = SOURCES[method](pairs, vae, latents, seed), {**HEAD, "epochs": 2}
    run = mlp.Run(data, source, compose(60, 8, derive_seed(3, "compose")), derive_seed(3, "head"))
    expected = mlp.train_mlps([run], **head)[0]
    settings = drawn | {"perturbation_variance": 0.7}
    got = train(method, data, scale=8, seed=3, vae=vae, settings=settings, head=head)
    assert all(np.array_equal(got.weights[name], expected.weights[name]) for name in got.weights)
    metrics = dict(got.metrics)
    explained = metrics.pop("vae_variance_explained", None)
    assert metrics == expected.metrics
    assert (explained is not None) == (method in ("lens", "synthetic_only"))


def test_methods_of_one_seed_start_alike():
    data, _ = linear_world(count=60)
    options = {
        "scale": 4,
        "settings": SYNTHESIS,
        "head": {**HEAD, "learning_rate": 1e-30, "epochs": 1},
    }
    repeat = train("repeat", data, seed=0, **options).weights
    noisy = train("direct_perturbation", data, seed=0, **options).weights
    assert all(np.array_equal(repeat[name], noisy[name]) for name in repeat)


def test_every_method_has_one_way_of_training_and_a_label_and_a_look_of_its_own():
    table = methods.METHODS.values()
    for method in table:
        assert sum(map(bool, (method.source, method.probe, method.trainer))) == 1, method.name
    for of_each in ([method.label for method in table], [method.look for method in table]):
        assert len(set(of_each)) == len(of_each)
    assert NO_LOOK not in [method.look for method in table]


def test_active_methods_train_as_those_on_drawn_pairs():
    data, _ = linear_world(count=60)
    options = {"scale": 2, "seed": 0, "head": HEAD, "settings": SYNTHESIS}
    active = [method for method in methods.METHODS.values() if method.active]
    assert len(active) == 4
    for method in active:
        plain = methods.METHODS[method.name.removeprefix("active_")]
        assert (method.source, method.trainer) == (plain.source, plain.trainer)
        assert (method.is_control, method.augments) == (plain.is_control, plain.augments)
    one, other = (train(name, data, **options).weights for name in ("repeat", "active_repeat"))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_names_in_print_and_in_a_sentence_follow_from_the_name():
    plain = Method("linear_probe")
    assert (plain.label, plain.phrase) == ("Linear probe", "linear probe")
    assert Method("x", label="X-1", phrase="the x").label == "X-1"


def test_the_table_is_read_without_what_takes_seconds_to_import(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "lens"]:
        monkeypatch.delitem(sys.modules, name)
    for heavy in ("numpy", "pandas", "torch", "transformers"):
        monkeypatch.setitem(sys.modules, heavy, None)  # so that importing it fails
    assert set(importlib.import_module("lens.reward.methods").METHODS) == set(methods.METHODS)


def test_what_an_entry_lacks_is_named():
    data, _ = linear_world(count=10)
    options = {"scale": 2, "vaes": {}, "head": HEAD, "settings": SYNTHESIS}
    with pytest.raises(LensError, match="method empty makes no embeddings: it has no `source`"):
        Method("empty").train({0: data}, **options)
    with pytest.raises(LensError, match="give the method `needs_vae=True`"):
        Method("half", source=methods.decoded).train({0: data}, **options)


def test_unknown_methods_and_scales_are_named():
    data, _ = linear_world(count=10)
    options = {"seed": 0, "head": HEAD, "settings": SYNTHESIS}
    with pytest.raises(LensError, match="'shuffling' is none of"):
        train("shuffling", data, scale=1, **options)
    for method in ("original", "linear_probe"):
        with pytest.raises(LensError, match=f"method {method} adds no pairs.*called repeat"):
            train(method, data, scale=2, **options)
