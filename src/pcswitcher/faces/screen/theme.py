"""The colours of the screen: the terminal's own, so that it reads well on a light ground and on a dark one."""

from __future__ import annotations

from rich.style import Style
from textual.theme import Theme

from pcswitcher.model.events import Level

THEME = Theme(
    name="terminal",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_cyan",
        "border-blurred": "ansi_bright_black",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_cyan",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-foreground": "ansi_default",
        "block-cursor-blurred-background": "ansi_default",
        "block-cursor-blurred-text-style": "bold",
        "block-hover-background": "ansi_default",
        "input-cursor-background": "ansi_cyan",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_cyan",
        "screen-selection-foreground": "ansi_black",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "scrollbar-corner-color": "ansi_default",
        "footer-background": "ansi_default",
        "footer-foreground": "ansi_default",
        "footer-key-foreground": "ansi_cyan",
        "footer-key-background": "ansi_default",
        "footer-description-background": "ansi_default",
        "footer-description-foreground": "ansi_default",
        "footer-item-background": "ansi_default",
    },
)

PLAIN = Style()
MUTED = Style(dim=True)
STRONG = Style(bold=True)
ACTIVE = Style(color="cyan", bold=True)
GOOD = Style(color="green")
CAREFUL = Style(color="yellow")
BAD = Style(color="red", bold=True)

LEVELS: dict[Level, Style] = {
    Level.DEBUG: MUTED,
    Level.FULL: MUTED,
    Level.INFO: PLAIN,
    Level.WARNING: CAREFUL,
    Level.ERROR: Style(color="red"),
    Level.CRITICAL: BAD,
}
