"""The settings of the dummies: how long they take, and when they do what they are for."""

from __future__ import annotations

import attrs

from pcswitcher.jobs.api import JobSettings, setting

DAY = 86_400


@attrs.frozen(kw_only=True)
class DummySettings(JobSettings):
    """What all dummies have."""

    enabled: bool = setting(default=False, help="Whether a sync does this job when --only does not name it.")
    source_seconds: float = setting(
        20.0, "How long it takes on the PC where the sync is started", least=0, most=DAY, unit="seconds"
    )
    target_seconds: float = setting(20.0, "How long it then takes on the other PC", least=0, most=DAY, unit="seconds")
    repeat: bool = setting(
        default=True, help="Whether it has something to do at every sync, also when the notes on both PCs are equal."
    )
    stubborn: bool = setting(
        default=False, help="Whether it goes on when it is told to stop, so that it must be killed after the grace."
    )


@attrs.frozen(kw_only=True)
class CriticalSettings(DummySettings):
    """Those of ``dummy_critical``."""

    critical_after: float = setting(
        5.0,
        "When it logs CRITICAL, counted from its beginning on the other PC; never, if it ends before",
        least=0,
        most=DAY,
        unit="seconds",
    )


@attrs.frozen(kw_only=True)
class FailingSettings(DummySettings):
    """Those of ``dummy_failing``."""

    fail_after: float = setting(
        10.0, "When it fails, counted from its beginning; never, if it ends before", least=0, most=DAY, unit="seconds"
    )
