from pathlib import Path

import numpy as np
import pytest

from easel.domain.errors import InvalidRequest
from easel.train import data, world


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of made-up latents whose first number says which picture they are."""
    folder = tmp_path_factory.mktemp("cache")
    np.save(folder / "empty.npy", np.zeros((4, 8), np.float16))
    for shard in range(2):
        latents = np.zeros((data.SHARD, 8, 2, 2), np.float16)
        latents[:, 0, 0, 0] = range(data.SHARD)
        latents[:, 0, 0, 1] = shard
        seeds = range(shard * data.SHARD, (shard + 1) * data.SHARD)
        np.save(folder / f"{shard:05d}.states.npy", np.ones((data.SHARD, data.CAPTIONS, 4, 8), np.float16))
        np.save(
            folder / f"{shard:05d}.categories.npy", np.array([data.CATEGORIES.index(world.category(s)) for s in seeds])
        )
        np.save(folder / f"{shard:05d}.labels.npy", np.full((data.SHARD, 2, 2, 2), shard, np.uint8))
        np.save(folder / f"{shard:05d}.latents.npy", latents)
    return folder


def test_a_category_is_what_the_scene_turns_out_to_be():
    for seed in range(300):
        scene, category = world.scene(seed), world.category(seed)
        if category == "landscape":
            assert scene.kind in world.LANDSCAPES
        elif category == "pair":
            assert scene.kind == "pair"
        else:
            assert (len(scene.things) == 1) == (category == "single")


def test_shards_are_taken_in_up_to_a_limit_and_later_grow(cache: Path):
    pictures = data.Cache(cache)
    assert pictures.grow(1) == 1
    assert {int(x[0, 0, 1]) for x in pictures.batch(50, 0.0, np.random.default_rng(0)).latents} == {0}
    assert pictures.grow() == 2
    assert {int(x[0, 0, 1]) for x in pictures.batch(50, 0.0, np.random.default_rng(0)).latents} == {0, 1}


def test_the_mix_decides_which_categories_are_drawn(cache: Path):
    pictures = data.Cache(cache)
    pictures.grow()
    only_pairs = {"single": 0.0, "count": 0.0, "pair": 1.0, "landscape": 0.0}
    for latent in pictures.batch(60, 0.0, np.random.default_rng(1), only_pairs).latents:
        seed = int(latent[0, 0, 1]) * data.SHARD + int(latent[0, 0, 0])
        assert world.category(seed) == "pair"


def test_labels_come_with_their_pictures(cache: Path):
    pictures = data.Cache(cache)
    pictures.grow()
    batch = pictures.batch(50, 0.0, np.random.default_rng(3))
    assert batch.labels.shape == (50, 2, 2, 2)
    assert [int(said[0, 0, 0]) for said in batch.labels] == [int(latent[0, 0, 1]) for latent in batch.latents]


def test_shards_from_before_there_were_labels_say_how_to_get_them(cache: Path, tmp_path: Path):
    for file in cache.iterdir():
        if "labels" not in file.name:
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(InvalidRequest, match="easel train cache"):
        data.Cache(tmp_path).grow()


def test_captions_are_dropped_at_the_rate_asked_for(cache: Path):
    pictures = data.Cache(cache)
    pictures.grow()
    states = pictures.batch(400, 0.25, np.random.default_rng(2)).states
    dropped = (states.sum((1, 2)) == 0).float().mean()
    assert 0.2 < dropped < 0.3
