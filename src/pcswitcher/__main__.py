"""``python -m pcswitcher``: the command line, or what it starts of itself on a machine."""

from __future__ import annotations

import sys


def main() -> None:
    """Start the agent or the relay when asked to, else the command line.

    The first two must start fast, so nothing of the command line is imported for them.
    """
    if sys.argv[1:2] == ["agent"]:
        from pcswitcher.machine.guard import main as agent

        agent()
    elif sys.argv[1:2] == ["relay"]:
        from pcswitcher.machine.relay import main as relay

        sys.exit(relay(sys.argv[2:]))
    else:
        from pcswitcher.faces.cli import main as command_line

        command_line()


if __name__ == "__main__":
    main()
