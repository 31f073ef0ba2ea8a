"""PC-switcher: one command makes the other PC continue where this one stopped."""

__version__ = "0.1.0"
