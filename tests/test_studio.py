"""Preparing once and painting often: the chain without a run folder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from omegaconf import OmegaConf

from nst import forecast, stylize
from nst.config.composition import compose
from nst.forecast import rehearse
from nst.losses import weigh
from nst.objective import compiled_step
from nst.record import Record
from nst.studio import Studio, paint, prepare
from nst.transfer import transfer

SETTINGS = ["network=bundled", "size=48", "steps=3", "margin=2", "seed=3", "init=blend"]


@pytest.fixture(scope="module")
def studio() -> Studio:
    return prepare(compose(SETTINGS))


def last(studio: Studio) -> Record:
    *_, record = paint(studio).run()
    assert record.last
    return record


def test_a_configuration_is_prepared_and_not_changed() -> None:
    config = compose(SETTINGS)
    before = OmegaConf.to_yaml(config)
    prepare(config)
    assert OmegaConf.to_yaml(config) == before


def test_what_is_painted_is_what_transfer_gives(studio) -> None:
    first, again = last(studio), last(studio)
    assert first.step == 3
    np.testing.assert_array_equal(first.image, again.image)
    result = transfer(compose(SETTINGS))
    np.testing.assert_array_equal(
        np.asarray(result.image), np.rint(first.image.numpy()[0] * 255).astype(np.uint8)
    )
    assert result.metrics["total"] == first.total
    assert result.config == studio.config


def test_what_steps_call_is_compiled_before_the_clock_runs() -> None:
    fresh = prepare(compose([*SETTINGS, "network.padding=zeros"]))  # no other test compiles it
    step = compiled_step(fresh.objectives.loss.encoder, fresh.objectives.loss.named)
    rehearse(fresh)
    compiled = step.traces
    list(paint(fresh).run())
    assert step.traces == compiled == 1


@pytest.mark.parametrize(
    ("settings", "sides"), [(["size=300"], [212]), (["size=300", "pyramid=single"], [])]
)
def test_no_step_is_rehearsed_at_a_size_that_the_run_does_not_paint(
    settings: list[str], sides: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsed: list[int] = []
    monkeypatch.setattr(forecast, "_steps", lambda _, side: rehearsed.append(side) or iter(()))
    fresh = prepare(compose(["network=bundled", *settings]))
    rehearse(fresh)
    assert rehearsed == sides
    assert set(sides) <= {max(scale.height, scale.width) for scale in paint(fresh).scales}


def test_a_run_that_diverges_says_so_itself_and_has_its_record() -> None:
    rehearse(prepare(compose([*SETTINGS, "beta=3e38"])))


def test_weights_stay_in_the_configuration_and_out_of_the_terms(studio) -> None:
    for name, term in studio.objectives.loss.terms.items():
        node = studio.config.loss[name]
        assert not hasattr(term, "weight")
        assert not hasattr(term, "layer_weights")
        assert studio.objectives.loss.weights[name] == weigh(
            term, node.weight, node.get("layer_weights")
        )
    heavy = prepare(compose([*SETTINGS, "loss.style.layer_weights=[1,0,0,2,0]", "beta=7"]))
    assert heavy.objectives.loss.terms == studio.objectives.loss.terms
    assert list(heavy.objectives.loss.weights["style"].parts.values()) == [1, 0, 0, 2, 0]
    assert heavy.objectives.loss.weights["style"].term == 7


def test_a_style_that_is_named_twice_paints_what_it_paints_alone(studio) -> None:
    (style,) = studio.objectives.styles

    def painted(*styles) -> Record:
        return last(replace(studio, objectives=replace(studio.objectives, styles=styles)))

    alone, twice = painted(style), painted(style, replace(style, weight=3.0))
    assert twice.total == pytest.approx(alone.total, rel=1e-4)
    other = replace(style, picture=studio.inputs.content)
    assert painted(style, other).total != pytest.approx(alone.total, rel=1e-2)


def shades(shape: tuple[int, int], seed: int) -> np.ndarray:
    """A grey picture with the faint chroma that a JPEG leaves, uint8."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    waves = 120 + 90 * np.sin(rows / (3 + seed)) * np.cos(columns / 5) + random.uniform(0, 9, shape)
    return (waves[..., None] + random.integers(0, 2, (*shape, 3))).astype(np.uint8)


@pytest.mark.parametrize("start", ["content", "noise", "blend"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_grey_pictures_make_a_grey_one(optimizer: str, start: str) -> None:
    given = {"content": shades((36, 48), 1), "style": shades((40, 40), 2)}
    settings = ["network=bundled", "size=48", "steps=12", f"optimizer={optimizer}", f"init={start}"]
    painted = np.asarray(stylize(**given, overrides=settings)).astype(int)
    assert np.ptp(painted, axis=-1).max() == 0
    assert painted.std() > 10


def test_one_picture_of_colour_is_enough_for_a_picture_of_colour() -> None:
    coloured = shades((36, 48), 1)
    coloured[4:8, 4:8] = (90, 90, 96)
    settings = ["network=bundled", "size=48", "steps=2"]
    for given in ({"content": coloured}, {"style": coloured}, {"init": coloured}):
        pictures = {"content": shades((36, 48), 1), "style": shades((40, 40), 2)} | given
        painted = np.asarray(stylize(**pictures, overrides=settings)).astype(int)
        assert np.ptp(painted, axis=-1).max() > 0
