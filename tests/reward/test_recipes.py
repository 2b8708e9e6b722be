"""Recipes are the default config's settings under short names."""

import numpy as np
import pytest
import yaml

from lens.core.errors import LensError
from lens.latent.vae import diagnose
from lens.reward import methods, recipes
from lens.reward.method import mean_explained
from lens.reward.recipes import Recipe, train, train_explained, train_seed_vaes
from tests.helpers.linear_world import linear_world
from tests.helpers.workflow_tools import ROOT


def test_settings_are_the_default_configs():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert config["vae"] == recipes.VAE_SETTINGS
    assert config["synthesis"] == recipes.SYNTHESIS_SETTINGS
    assert config["reward"] == recipes.HEAD_SETTINGS
    assert config["training"]["validation_fraction"] == recipes.VALIDATION


def test_names_and_controls():
    assert str(Recipe("lens", 4)) == "LENS 4x"
    assert str(Recipe("lens_plus", 8)) == "LENS+ 8x"
    assert str(Recipe("linear_probe")) == "linear probe"
    assert str(Recipe("original")) == "original pairs"
    unscaled = {"original", *methods.PROBES}
    recipes = [
        Recipe(m) if m in unscaled else Recipe(m, 2)
        for m, row in methods.METHODS.items()
        if not row.active
    ]
    assert {r.method for r in recipes if not r.synthetic} == unscaled | {"repeat"}


@pytest.mark.parametrize("name", [m for m, row in methods.METHODS.items() if row.active])
def test_recipes_do_not_choose_pairs(name):
    plain = name.removeprefix("active_")
    with pytest.raises(LensError, match=f"`lens next`, then train with --method {plain}\\."):
        Recipe(name, 2 if methods.METHODS[name].augments else 1)


def test_what_vaes_explain_is_averaged_over_the_seeds_that_have_one():
    shares = [{"vae_variance_explained": share} for share in (0.02, 0.06, None)]
    assert mean_explained([*shares, {}]) == pytest.approx(0.04)
    assert mean_explained(shares[2:]) is None


@pytest.mark.slow
def test_a_recipe_trains_what_the_method_trains():
    seed = 3
    one = {seed: linear_world(count=40)[0]}
    vaes = train_seed_vaes(one)
    heads, explained = train_explained(Recipe("lens", 2), one)
    head = heads[seed]
    held_out = one[seed].validation_chosen, one[seed].validation_rejected
    assert explained == diagnose(vaes[seed], *held_out)["variance_explained"]
    assert train_explained(Recipe("linear_probe"), one)[1] is None
    again = train(Recipe("lens", 2), one, vaes)[seed]
    plain = methods.train(
        "lens",
        one,
        scale=2,
        vaes=vaes,
        settings=recipes.SYNTHESIS_SETTINGS,
        head=recipes.HEAD_SETTINGS,
    )[seed]
    for name, value in plain.weights.items():
        np.testing.assert_array_equal(head.weights[name], value)
        np.testing.assert_array_equal(again.weights[name], value)


@pytest.mark.parametrize(
    ("method", "scale", "message"),
    [
        ("lenz", 2, "'lenz' is none of"),
        ("lens", 1, "needs a scale of 2 or more"),
        ("repeat", 1, "needs a scale of 2 or more"),
        ("linear_probe", 2, "no scale"),
        ("original", 8, "no scale"),
    ],
)
def test_recipes_that_cannot_be(method, scale, message):
    with pytest.raises(LensError, match=message):
        Recipe(method, scale)
