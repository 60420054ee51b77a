"""ARCHITECTURE.md speaks of the modules that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "ARCHITECTURE.md"
#: How many modules a folder may have, and how much of the code a room.
MOST_MODULES, MOST_SHARE = 11, 0.2

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="needs the checkout")


def paths() -> list[str]:
    return sorted(set(re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", PAGE.read_text("utf-8"))))


def test_every_path_of_the_page_exists():
    named = paths()
    assert len(named) > 40
    assert [name for name in named if not (ROOT / "autotrack" / name).exists()
            and not (ROOT / name).exists()] == []  # fmt: skip


def test_every_room_is_on_the_page():
    rooms = [path for path in (ROOT / "autotrack").iterdir() if (path / "__init__.py").exists()]
    assert [room.name for room in rooms if f"`{room.name}/`" not in PAGE.read_text("utf-8")] == []


def test_no_folder_has_more_modules_than_one_takes_in_at_a_glance():
    folders = [path.parent for path in (ROOT / "autotrack").rglob("__init__.py")]
    counts = {
        str(folder): len([path for path in folder.glob("*.py") if not path.stem.startswith("__")])
        for folder in folders
    }
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_no_room_is_most_of_the_house():
    def lines(folder: Path) -> int:
        return sum(len(path.read_text("utf-8").splitlines()) for path in folder.rglob("*.py"))

    house = ROOT / "autotrack"
    shares = {room.name: lines(room) / lines(house) for room in house.iterdir() if room.is_dir()}
    assert {name: share for name, share in shares.items() if share > MOST_SHARE} == {}


def test_a_long_module_says_why_it_is_long():
    house = ROOT / "autotrack"
    long = [path for path in house.rglob("*.py") if len(path.read_text("utf-8").splitlines()) > 350]
    unsaid = [path for path in long if "\n# Long because" not in path.read_text("utf-8")[:3000]]
    assert [str(path.relative_to(house)) for path in unsaid] == []


def test_what_records_is_handed_the_workspace_and_does_not_fetch_that_of_the_process():
    handed = ("tracking/recording/recorder", "tracking/recording/steps", "tracking/evaluations/",
              "tracking/crating/pack_fit", "tracking/crating/run_files", "capture/hooks/",
              "capture/patch_table", "capture/parallel/launch", "capture/instrumentation",
              "lineage/")  # fmt: skip
    fetches = re.compile(
        r"^from autotrack\.tracking\.workspace import .*\bworkspace\b", re.MULTILINE
    )
    house = ROOT / "autotrack"
    paths = {path.relative_to(house).as_posix(): path for path in house.rglob("*.py")}
    recording = [name for name in paths if name.startswith(handed)]
    assert len(recording) > 30
    assert [name for name in recording if fetches.search(paths[name].read_text("utf-8"))] == []
