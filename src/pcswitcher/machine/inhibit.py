"""Keeping a machine awake and up: an inhibitor lock of systemd-logind (systemd-inhibit(1))."""

from __future__ import annotations

WHAT = "shutdown:sleep:idle:handle-lid-switch"
"""Without ``handle-lid-switch`` a closed lid suspends all the same (systemd issue 28067)."""


def inhibit_arguments(reason: str, held: tuple[str, ...] = ("cat",)) -> tuple[str, ...]:
    """The program that keeps a machine up for as long as ``held`` runs; ``reason`` is shown to whoever is refused."""
    return ("systemd-inhibit", f"--what={WHAT}", "--who=pc-switcher", f"--why={reason}", "--mode=block", *held)
