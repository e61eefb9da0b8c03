"""Results of studies in a private dataset on the Hugging Face Hub, for machines whose disk is lost at a restart."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from huggingface_hub import CommitInfo, CommitScheduler, HfApi
from huggingface_hub.errors import HTTPError  # of whatever its transport is

from mvsd.errors import UserError

EVERY_MIN = 5.0
TEST = "sync-test.txt"
KEPT = ["*-*Z-*.csv", "*.torn", TEST]  # journals; tables made from them are not copied
REFUSED = (HTTPError, OSError, ValueError)


class HubSync(CommitScheduler):
    """Copies a folder every few minutes, and once more when the program ends. lock: held by who writes a row.

    Journals are only appended to, or blanked where someone withdrew; the dataset's history is squashed after each copy,
    so that it keeps nothing of them either.
    """

    failure = ""  # of the last copy; empty: it arrived
    failed = 0  # copies in a row
    reached: datetime | None = None

    @classmethod
    def begin(cls, repo_id: str, folder: Path, api: HfApi | None = None, every_min: float = EVERY_MIN) -> Self:
        """Fetch what the dataset holds and the folder does not, then copy on, tested once.

        Raises UserError where that does not work, and where the dataset is public.
        """
        api = api or HfApi()
        try:
            api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
            if not api.repo_info(repo_id, repo_type="dataset").private:
                raise UserError(f"The dataset {repo_id} is public; answers are not. Make it private.")
            _fetch(api, repo_id, folder)
            sync = cls(repo_id=repo_id, repo_type="dataset", folder_path=folder, every=every_min, private=True,
                       allow_patterns=KEPT, hf_api=api)  # fmt: skip
            return sync._tested()
        except REFUSED as error:
            raise UserError(f"Copying results to {repo_id} failed: {error}. Check its name, and HF_TOKEN.") from error

    def push_to_hub(self) -> CommitInfo | None:
        try:
            done = super().push_to_hub()
            if done is not None:
                self.api.super_squash_history(repo_id=self.repo_id, repo_type=self.repo_type)
        except Exception as error:
            self.failure, self.failed = str(error) or type(error).__name__, self.failed + 1
            raise
        self.failure, self.failed, self.reached = "", 0, datetime.now(UTC)
        return done

    def told(self) -> str:
        """How things stand, for researchers."""
        last = f"last reached {self.reached:%Y-%m-%d %H:%M} UTC" if self.reached else "not reached yet"
        state = f"Copies go to the dataset {self.repo_id}, {last}."
        if not self.failure:
            return state
        return (
            f"{state} FAILED {self.failed} times since: {self.failure}. Tried again every {self.every:g} minutes; "
            "do not restart before it arrives."
        )

    def _tested(self) -> Self:
        (self.folder_path / TEST).write_text(datetime.now(UTC).isoformat(), encoding="utf-8")
        try:
            self.trigger().result()
        except Exception:
            self.stop()
            raise
        return self


def _fetch(api: HfApi, repo_id: str, folder: Path) -> None:
    """What is here already may be newer, so it stays."""
    with tempfile.TemporaryDirectory() as there:
        api.snapshot_download(repo_id, repo_type="dataset", local_dir=there, allow_patterns=KEPT)
        for file in Path(there).rglob("*"):
            here = folder / file.relative_to(there)
            if file.is_file() and ".cache" not in file.parts and not here.exists():
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(file, here)


def sync_from_environment(folder: Path) -> HubSync | None:
    """As MVSD_RESULTS_REPO says; the token is the one in HF_TOKEN."""
    repo_id = os.getenv("MVSD_RESULTS_REPO")
    return HubSync.begin(repo_id, folder) if repo_id else None
