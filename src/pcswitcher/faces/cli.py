"""The command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from pcswitcher import __version__
from pcswitcher.faces.lines import discard
from pcswitcher.model.errors import ExitCode, PcSwitcherError
from pcswitcher.model.text import printable

COMMANDS = "pcswitcher.faces.commands"

app = App(
    name="pc-switcher",
    help="One command makes the other PC continue where this one stopped: pc-switcher sync vega",
    version=__version__,
    version_flags=["--version"],
    default_parameter=Parameter(negative="", show_default=False),
    help_format="plaintext",  # Markdown costs 40 ms of imports
    result_action="return_value",
)
snapshots_app = App(name="snapshots", help="What is kept on this PC, and why.")
config_app = App(name="config", help="What is set, and whether it can be.")

MODULES = {"apply": "plan", "unmark": "mark"}
"""Commands that stand in the module of their counterpart."""

# The words stand here too so that `--help` need not import the commands.
for verb, words in {
    "sync": "Make another PC a replica of this one, after you have seen what would change.",
    "plan": "Review what a sync would change, and keep the plan for later.",
    "apply": "Do what a plan says that was kept before.",
    "doctor": "Check this PC, or both, and say what mends each problem.",
    "why": "Tell whether a path travels and which rule or mark says so.",
    "mark": "Mark items as machine-specific, or list the marks.",
    "unmark": "Take marks away.",
    "history": "List the runs this PC took part in.",
    "show": "Tell everything about one run.",
    "logs": "List the logs, print one, or follow a run.",
    "init": "Write a commented settings file.",
    "completion": "Print the completion script for bash, zsh or fish.",
}.items():
    app.command(f"{COMMANDS}.{MODULES.get(verb, verb)}:{verb}", name=verb, help=words)
app.command(snapshots_app)
app.command(config_app)
config_app.command(f"{COMMANDS}.config:show", name="show", help="Print the settings in force.")
config_app.command(f"{COMMANDS}.config:check", name="check", help="Check the settings, and tell every mistake.")
snapshots_app.command(f"{COMMANDS}.snapshots:list_kept", name="list", help="List the snapshots by run, and why.")
snapshots_app.command(f"{COMMANDS}.snapshots:clean", name="clean", help="Delete those that need not be kept.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code (design §7)."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and give its exit code."""
    try:
        result = app(list(arguments), exit_on_error=False)
        sys.stdout.flush()
    except CycloptsError:
        return ExitCode.USAGE
    except PcSwitcherError as error:
        _explain(error)
        if "--json" in arguments:
            _tell_program(error)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); what is still buffered must not raise again at exit.
        discard(sys.stdout)
        return ExitCode.FAILED
    except OSError as error:
        _explain(PcSwitcherError(str(error)))
        discard(sys.stdout)
        return ExitCode.FAILED
    return result if isinstance(result, int) else ExitCode.DONE


def _tell_program(error: PcSwitcherError) -> None:
    """End the JSON lines of a command that could not do its work as every other: with the exit code."""
    from pcswitcher.model.codec import JsonValue, dump_plain
    from pcswitcher.model.events import SCHEMA

    body: dict[str, JsonValue] = {"message": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}
    sys.stdout.write(dump_plain({"type": "error", "schema": SCHEMA, **body}) + "\n")


def _explain(error: PcSwitcherError) -> None:
    sys.stderr.write(f"pc-switcher: {printable(error.message)}\n")
    if error.hint:
        sys.stderr.write(f"  → {printable(error.hint)}\n")
