"""What several commands share."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ser_ros.cli.options import typed


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (Path("models/study"), "models/study"),
        ("/data/my voices/manifest.csv", "PATH/manifest.csv"),
        ("manifest=/data/manifest.csv", "manifest=PATH/manifest.csv"),
        ("noise_folder=[/a/esc10, '/b/my noises']", "noise_folder=[PATH/esc10, 'PATH/my noises']"),
        (
            "augment={room_folder: /a/rooms, noise: 0.5}",
            "augment={room_folder: PATH/rooms, noise: 0.5}",
        ),
        ("noise_folder=runs/noises", "noise_folder=runs/noises"),
        ("~/voices", "PATH/voices"),
        ("../../kim/voices", "PATH/voices"),
        ("noise_folder=[../kim/noises, mine]", "noise_folder=[PATH/noises, mine]"),
        ("/home/kim/lr=1e-3/it's, mine", "PATH/it's, mine"),
        ("manifest=/data/a=b/m.csv", "manifest=PATH/m.csv"),
        ("epochs=3", "epochs=3"),
        (7, "7"),
    ],
)
def test_a_page_tells_a_command_and_not_whose_machine_it_was(word, told):
    assert shlex.split(typed(["study", word])) == ["study", told]
