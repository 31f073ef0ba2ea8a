"""What a person asked a run for."""

from __future__ import annotations

from enum import StrEnum

import attrs

from pcswitcher.model.plan import Gate
from pcswitcher.run.log_file import LogFile
from pcswitcher.run.logs import log_name


class Mode(StrEnum):
    """How far a run goes."""

    SYNC = "sync"
    DRY_RUN = "dry run"
    """To the plan; nothing is asked and nothing is left behind."""
    PLAN = "plan"
    """To the end of the review; nothing is left behind but what the reviewer keeps."""


@attrs.frozen(kw_only=True)
class SyncOptions:
    """One run: to which host, how far, with which gates open."""

    host: str
    mode: Mode = Mode.SYNC
    allowed: frozenset[Gate] = frozenset()
    log: LogFile | None = None
    """The run's log, of which both machines keep a copy."""

    @property
    def changes_nothing(self) -> bool:
        """Whether it ends before the first change."""
        return self.mode is not Mode.SYNC

    @property
    def log_name(self) -> str:
        """The name of the log, as `pc-switcher logs` takes it; empty without one."""
        return log_name(self.log.path) if self.log else ""
