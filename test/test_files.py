"""Files and folders that are whole or not there, and nobody else's than before."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from ser_ros.errors.machine import CannotWrite
from ser_ros.files import PRIVATE, check_folder, folder_aside, write_text, written_aside


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """Set it for a test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def test_who_may_read_a_file(tmp_path, umask):
    path = tmp_path / "voice.json"
    write_text(path, "new")
    assert mode(path) == 0o644
    path.chmod(0o440)
    write_text(path, "again")
    assert (mode(path), path.read_text()) == (0o440, "again")
    path.chmod(0o600)
    with written_aside(path) as aside:
        assert mode(aside) == 0o600, "not for a moment"
        aside.write_text("mine")
    assert mode(path) == 0o600
    path.chmod(0o644)
    write_text(path, "a secret", PRIVATE)
    assert mode(path) == 0o600
    umask(0o077)
    write_text(tmp_path / "other", "mine")
    assert mode(tmp_path / "other") == 0o600


def test_a_private_folder_stays_one(tmp_path, umask):
    folder = tmp_path / "report"
    folder.mkdir(mode=0o700)
    with folder_aside(folder) as aside:
        assert mode(aside) == 0o700
        (aside / "page.html").write_text("a voice")
    assert (mode(folder), [path.name for path in folder.iterdir()]) == (0o700, ["page.html"])
    with folder_aside(tmp_path / "new") as aside:
        pass
    assert mode(tmp_path / "new") == 0o755


def test_what_cannot_be_replaced_is_told_before(tmp_path, monkeypatch):
    check_folder(tmp_path / "new" / "deep")
    check_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotWrite, match="the folder you are in"):
        check_folder(tmp_path / "new" / "..")
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="file' is no folder"):
        check_folder(tmp_path / "file" / "deep" / "er")
    if sys.platform == "linux":
        with pytest.raises(CannotWrite, match="mounted there"):
            check_folder(type(tmp_path)("/proc"))
