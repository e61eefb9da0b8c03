"""Results copied to a dataset: tested before a study opens, retried when it fails, fetched after a restart.

The hub client is the real one, but for the calls that need a network: these write to a folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import CommitInfo, HfApi, RepoUrl
from listeners import ASKER, make_study

from mvsd.results_sync import TEST, HubSync
from mvsd.study.shelf import Shelf, open_shelf

REPO = "someone/answers"


class FolderApi(HfApi):
    """A hub that is a folder."""

    def __init__(self, folder: Path, *, private: bool = True):
        super().__init__(token=False)
        self.folder, self.private, self.fails, self.squashed = folder, private, False, 0
        folder.mkdir(exist_ok=True)

    def create_repo(self, repo_id, **_):
        return RepoUrl(f"https://huggingface.co/datasets/{repo_id}")

    def repo_info(self, repo_id, **_):
        return SimpleNamespace(private=self.private)

    def snapshot_download(self, repo_id, *, local_dir, **_):
        shutil.copytree(self.folder, local_dir, dirs_exist_ok=True)

    def create_commit(self, repo_id, operations, **_):
        if self.fails:
            raise OSError("the hub is away")
        for operation in operations:
            target = self.folder / operation.path_in_repo
            target.parent.mkdir(parents=True, exist_ok=True)
            with operation.as_file() as file:
                target.write_bytes(file.read())
        return CommitInfo(
            commit_url=f"https://huggingface.co/datasets/{repo_id}/commit/1",
            commit_message="",
            commit_description="",
            oid="1",
        )

    def super_squash_history(self, **_):
        self.squashed += 1


@pytest.fixture
def hub(tmp_path: Path) -> FolderApi:
    return FolderApi(tmp_path / "hub")


@pytest.fixture
def sync(hub: FolderApi, tmp_path: Path):
    sync = HubSync.begin(REPO, tmp_path / "results", hub, every_min=60)
    yield sync
    sync.stop()


def names(hub: FolderApi) -> set[str]:
    return {file.relative_to(hub.folder).as_posix() for file in hub.folder.rglob("*") if file.is_file()}


def opened(tmp_path: Path, sync: HubSync) -> Shelf:
    if not (tmp_path / "studies").exists():
        make_study(tmp_path / "studies" / "rooms")
    return open_shelf(tmp_path / "studies", ASKER, tmp_path / "results", forgets=True, begin_sync=lambda: sync)


def test_a_study_opens_on_a_disk_that_forgets_and_its_answers_arrive(sync: HubSync, hub: FolderApi, tmp_path: Path):
    shelf = opened(tmp_path, sync)
    live = shelf.running["rooms"]
    token = live.begin("1", "P1", "en", "")
    sync.trigger().result()
    (journal,) = (name for name in names(hub) if name.startswith("rooms/sessions-"))
    assert (hub.folder / journal).read_bytes() == (tmp_path / "results" / journal).read_bytes()
    assert "last reached" in shelf.kept()
    live.answer_questionnaire(token, {"hearing": "good"})  # while nothing was restarted: the file grows
    sync.trigger().result()
    assert b"hearing" in (hub.folder / journal).read_bytes()
    assert hub.squashed >= 3


def test_after_a_restart_sessions_go_on_from_what_was_copied(sync: HubSync, hub: FolderApi, tmp_path: Path):
    token = opened(tmp_path, sync).running["rooms"].begin("1", "P1", "en", "")
    sync.trigger().result()
    sync.stop()
    shutil.rmtree(tmp_path / "results")
    again = HubSync.begin(REPO, tmp_path / "results", hub, every_min=60)
    live = opened(tmp_path, again).running["rooms"]
    again.stop()
    assert live.state(token)["stage"] == "questionnaire"


def test_what_is_here_is_not_overwritten_by_an_older_copy(sync: HubSync, hub: FolderApi, tmp_path: Path):
    name = "rooms/judgements-20260101T000000.000000Z-0.csv"
    for folder, text in ((tmp_path / "results", "new"), (hub.folder, "old")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    again = HubSync.begin(REPO, tmp_path / "results", hub, every_min=60)
    again.stop()
    assert (tmp_path / "results" / name).read_text() == (hub.folder / name).read_text() == "new"


def test_a_failed_copy_is_told_and_made_up_for(sync: HubSync, hub: FolderApi, tmp_path: Path):
    shelf = opened(tmp_path, sync)
    shelf.running["rooms"].begin("1", "P1", "en", "")
    hub.fails = True
    with pytest.raises(OSError, match="away"):
        sync.trigger().result()
    assert "FAILED 1 times since: the hub is away" in shelf.kept()
    hub.fails = False
    sync.trigger().result()
    assert "FAILED" not in shelf.kept()
    assert any(name.startswith("rooms/sessions-") for name in names(hub))


def test_tables_made_from_the_journals_stay_here(sync: HubSync, hub: FolderApi, tmp_path: Path):
    (tmp_path / "results" / "rooms").mkdir()
    (tmp_path / "results" / "rooms" / "results.csv").write_text("made")
    sync.trigger().result()
    assert names(hub) == {TEST}


@pytest.mark.parametrize(
    ("private", "fails", "message"), [(False, False, "is public"), (True, True, "the hub is away")]
)
def test_without_a_copy_that_works_no_study_opens_and_the_reason_is_told(
    tmp_path: Path, private: bool, fails: bool, message: str
):
    hub = FolderApi(tmp_path / "hub", private=private)
    hub.fails = fails
    make_study(tmp_path / "studies" / "rooms")
    begin = lambda: HubSync.begin(REPO, tmp_path / "results", hub, every_min=60)  # noqa: E731
    shelf = open_shelf(tmp_path / "studies", ASKER, tmp_path / "results", forgets=True, begin_sync=begin)
    assert shelf.running == {}
    assert message in shelf.closed["rooms"]
    assert "MVSD_RESULTS_REPO" in shelf.closed["rooms"]
