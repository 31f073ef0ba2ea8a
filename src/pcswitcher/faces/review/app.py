"""The review on its own, for commands that have no screen of a run around it."""

from __future__ import annotations

from textual.app import App

from pcswitcher.faces.review.questions import Save
from pcswitcher.faces.review.screen import ReviewScreen
from pcswitcher.faces.screen.theme import THEME
from pcswitcher.jobs.api import Gate
from pcswitcher.model.plan import Plan
from pcswitcher.run.review import Inspect


class ReviewApp(App[Plan | None]):
    """Shows one review; its result is the review's."""

    TITLE = "pc-switcher"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect, save: Save) -> None:
        super().__init__()
        self.register_theme(THEME)
        self.theme = THEME.name
        self._screen = ReviewScreen(plan, allowed, inspect, save)

    def on_mount(self) -> None:
        """Show it."""
        self.push_screen(self._screen, self.exit)


class ScreenReviewer:
    """A Reviewer that takes over the terminal for the time of the review."""

    def __init__(self, save: Save) -> None:
        self._save = save

    async def review(self, plan: Plan, allowed: frozenset[Gate], inspect: Inspect) -> Plan | None:
        """See Reviewer."""
        return await ReviewApp(plan, allowed, inspect, self._save).run_async()
