"""Views on disk: the same however they are made, shared by whom they fit."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from trainings import config_of, no_file_beyond, recordings_of, tiny_training

from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.training import ClipChanged, ViewDamaged
from ser_ros.training.data import GENDERS, NOBODY, Draws, TrainingImages, balanced_sampler
from ser_ros.training.validation import Validation
from ser_ros.training.views import Views, read_view

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train


@pytest.fixture
def folder(tmp_path):
    return tiny_training(tmp_path)


def augmented(config, **changes):
    return replace(config, augment=replace(config.augment, **changes))


def made(config, folder, where="views") -> tuple[list, int]:
    """Return the paths of the views, and how many were made for it."""
    told = [(0, 0)]
    recordings = recordings_of(folder, config)
    paths = Views(config, folder / where).make(recordings, lambda *step: told.append(step))
    return paths, told[-1][0]


def content(paths) -> list:
    return [read_view(path, index) for path in paths for index in range(2)]


def test_views_are_the_same_with_any_number_of_processes(folder):
    (folder / "noises").mkdir()
    for name in "ab":
        noise = np.random.default_rng(ord(name)).normal(0, 0.1, 16_000)
        soundfile.write(folder / "noises" / f"{name}.wav", noise, 16_000)
    config = augmented(
        config_of(folder, noise_folder="noises"), noise=1.0, codec=1.0, pitch=1.0, speed=1.0
    )
    one, count = made(replace(config, threads=1), folder, "one")
    two, _ = made(replace(config, threads=2), folder, "two")
    assert count == 4
    for first, second in zip(content(one), content(two), strict=True):
        np.testing.assert_array_equal(first, second)
        assert first.max() == 0.0  # dB below its loudest point
        assert first.shape[1] >= config.features.frames
    assert len({view.tobytes() for view in content(one)}) == 8


def test_views_are_shared_where_they_are_the_same_and_made_anew_where_not(folder):
    config = config_of(folder)
    paths, count = made(config, folder)
    assert count == 4
    later = augmented(
        config, masks=0, mask_bands=3, mask_frames=3, mixup=0.0, colours=0.0, partial=0.0
    )
    features = replace(config.features, deltas=2, range_db=60.0, cepstra=30)
    for same in (later, replace(config, features=features, epochs=9, held_out_fold=None)):
        assert made(same, folder) == (paths, 0)
    for other in (
        augmented(config, gain_db=12.0),
        augmented(config, views=3),
        replace(config, seed=2),
        replace(config, features=replace(config.features, hop=512)),
    ):
        found, count = made(other, folder)
        assert count == 4
        assert not set(found) & set(paths)
    paths[1].unlink()
    assert made(config, folder) == (paths, 1)


def test_recorded_rooms_are_another_set_of_views_for_other_recordings(folder):
    (folder / "rooms" / "hall").mkdir(parents=True)
    response = np.zeros((2400, 2))
    response[[0, 900]] = 1.0, 0.5
    soundfile.write(folder / "rooms" / "hall" / "a.flac", response, 48_000)
    config = augmented(config_of(folder), room=1.0, room_folder="rooms")
    paths, count = made(config, folder)
    assert count == 4
    assert len(list((folder / "views").glob("rooms-*/*.wav"))) == 1
    shutil.copytree(folder / "rooms", folder / "moved" / "rooms")
    moved = augmented(config_of(folder), room=1.0, room_folder="moved/rooms")
    assert made(moved, folder)[0] == paths, "wherever they lie"
    shutil.copy(folder / "rooms" / "hall" / "a.flac", folder / "rooms" / "b.flac")
    assert not set(made(config, folder)[0]) & set(paths)
    (folder / "rooms" / "c.wav").write_text("no sound")
    with pytest.raises(UnreadableFile, match=r"c\.wav"):
        made(config, folder)
    assert len(list((folder / "views").glob("rooms-*"))) == 2


def test_views_that_cannot_be_kept_are_told_in_a_sentence(folder):
    config = config_of(folder, threads=1)
    (folder / "file").touch()
    with pytest.raises(CannotWrite, match="file"):
        made(config, folder, "file/views")
    with no_file_beyond(1024), pytest.raises(CannotWrite, match=r"\.npz") as caught:
        made(config, folder, "full")
    assert "\n" not in str(caught.value)
    assert not [path for path in (folder / "full").rglob("*") if path.is_file()]
    (folder / "noises").mkdir()
    soundfile.write(folder / "noises" / "a.wav", np.zeros(16_000), 16_000)
    noisy = augmented(replace(config, noise_folder="noises"), noise=1.0)
    with no_file_beyond(1024), pytest.raises(CannotWrite, match="noises-"):
        made(noisy, folder, "full")
    assert not list((folder / "full").glob("noises-*"))


def test_a_damaged_view_is_named(folder):
    config = config_of(folder)
    paths, _ = made(config, folder)
    recordings = recordings_of(folder, config)
    for damage in (b"", b"no array", paths[0].read_bytes()[:500]):
        paths[0].write_bytes(damage)
        with pytest.raises(ViewDamaged, match=paths[0].name) as caught:
            list(Draws([0] * 9, TrainingImages(recordings, paths, config), seed=1))
        assert "\n" not in str(caught.value)


def test_thousands_of_recordings_fit_the_memory(folder):
    recordings = recordings_of(folder, config_of(folder))
    assert len(pickle.dumps(recordings)) < 1_000 * len(recordings), "their sound is in it"


def test_a_recording_that_is_changed_meanwhile_is_named(folder):
    config = config_of(folder, threads=2)
    recordings = recordings_of(folder, config)
    path = recordings[2].clip.path
    sound, rate = soundfile.read(path)
    soundfile.write(path, sound / 2, rate)
    with pytest.raises(ClipChanged, match=path.name):
        Views(config, folder / "views").make(recordings, lambda *_: None)
    with pytest.raises(ClipChanged, match=path.name):
        Validation(recordings, config)(torch.nn.Linear(1, 1))
    path.unlink()
    with pytest.raises(UnreadableFile, match=path.name):
        Views(config, folder / "views").make(recordings, lambda *_: None)


def test_windows_begin_anywhere_and_every_view_is_shown(folder):
    config = config_of(folder)
    paths, _ = made(config, folder)
    images = TrainingImages(recordings_of(folder, config), paths, config)
    draws = list(Draws([0] * 200, images, seed=1))
    assert draws == list(Draws([0] * 200, images, seed=1))
    assert draws != list(Draws([0] * 200, images, seed=2))
    assert {draw.view for draw in draws} == {0, 1}
    for view in (0, 1):
        spare = read_view(paths[0], view).shape[1] - config.features.frames
        assert spare > 0
        assert {draw.start for draw in draws if draw.view == view} == set(range(spare + 1))
    image, label, voice, gender = images[draws[0]]
    assert image.shape == config.features.shape and label == images._labels[0]
    assert (voice, images.voices, gender) == (0, 1, GENDERS["female"])


def test_a_clip_without_a_speaker_is_nobodys(folder):
    config = config_of(folder)
    paths, _ = made(config, folder)
    recordings = recordings_of(folder, config)
    for i, name in enumerate(("b", "", "a", "b")):
        recordings[i] = replace(recordings[i], clip=replace(recordings[i].clip, speaker=name))
    images = TrainingImages(recordings[:4], paths[:4], config)
    draws = list(Draws([0, 1, 2, 3], images, seed=1))
    assert [images[draw][2] for draw in draws] == [1, NOBODY, 0, 1]
    assert images.voices == 2


def test_the_sampler_is_fair_to_classes_and_kind_to_small_corpora(folder):
    config = config_of(folder)
    one = recordings_of(folder, config)
    crowded = [*one, *[one[0]] * 9]  # ten clips of one class
    drawn = list(balanced_sampler(crowded, 4000, torch.Generator().manual_seed(1)))
    share = np.bincount([crowded[i].label for i in drawn], minlength=4) / 4000
    np.testing.assert_allclose(share, 0.25, atol=0.04)
    small = [replace(r, clip=replace(r.clip, corpus="small")) for r in one]
    both = [*one * 9, *small]
    drawn = list(balanced_sampler(both, 4000, torch.Generator().manual_seed(1)))
    corpora = Counter(both[i].clip.corpus for i in drawn)
    assert corpora["small"] / 4000 == pytest.approx(0.25, abs=0.04)  # root 1 of root 1 + root 9
