"""The job settings holds to what every job holds to (D4, design §4)."""

from __future__ import annotations

from pathlib import Path

from pcswitcher.jobs.conformance import JobConformance
from pcswitcher.jobs.settings.diff import Planned
from pcswitcher.jobs.settings.job import SettingsJob
from pcswitcher.jobs.settings.state import SettingsFile
from pcswitcher.model.settings import JobSettings


class TestSettings(JobConformance[JobSettings, SettingsFile, Planned]):
    """A file that both have, with other texts."""

    def make_job(self, root: bytes) -> SettingsJob:
        return SettingsJob(JobSettings(), home=root + b"/home/sam")

    def fill(self, root: Path) -> None:
        self.place(root).parent.mkdir(parents=True)
        self.edit(root, "both")

    def edit(self, root: Path, word: str) -> None:
        self.place(root).write_text(f'[run]\n# \x1b[31m\u202e \\ "{word}"\n')

    def place(self, root: Path) -> Path:
        return root / "home/sam/.config/pc-switcher/config.toml"


class TestSettingsThatAppear(TestSettings):
    """Only the home is there: the directories are made."""

    def fill(self, root: Path) -> None:
        (root / "home/sam").mkdir(parents=True)

    def edit(self, root: Path, word: str) -> None:
        self.place(root).parent.mkdir(parents=True, exist_ok=True)
        super().edit(root, word)


class TestSettingsThatGo(TestSettings):
    """The person who removed the file wants the defaults."""

    def edit(self, root: Path, word: str) -> None:
        if word in {"both", "target", "vega", "somebody"}:
            super().edit(root, word)
        else:
            self.place(root).unlink(missing_ok=True)


class TestSettingsThatAreALink(TestSettings):
    """A link into a folder of configuration stays one."""

    def edit(self, root: Path, word: str) -> None:
        self.place(root).unlink(missing_ok=True)
        self.place(root).symlink_to(f"../../dotfiles/{word}.toml")
