"""Write docs/reference/cli.md from the command line's own functions.

Run with: python docs/reference/generate_cli.py
A unit test holds the page to what this makes.
"""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Callable
from pathlib import Path

from cyclopts import App, Parameter

from pcswitcher.faces.cli import app
from pcswitcher.model.errors import ExitCode

PAGE = Path(__file__).with_name("cli.md")
Command = Callable[..., object]

CODES = {
    ExitCode.DONE: "done; also a dry run that found nothing to do",
    ExitCode.FAILED: "failed for a reason without a code of its own",
    ExitCode.USAGE: "wrong usage: an unknown command, option, job or host name",
    ExitCode.PARTIAL: "done in part: some items could not be applied, they are named",
    ExitCode.CHANGES_PENDING: "a dry run found changes",
    ExitCode.SETTINGS: "a settings or rules file is wrong; file and line are named",
    ExitCode.BUSY: "one of the PCs takes part in another run",
    ExitCode.CONNECT: "cannot connect, log in or become root; or the connection was lost during the run",
    ExitCode.CHECK: "a check or a guard forbids the run",
    ExitCode.QUESTION: "a question needs an answer and nobody was asked",
    ExitCode.VERIFICATION: "what was read back is not what was planned",
    ExitCode.UNSAFE: "the other PC is in a state that should be rolled back (kept for later, not given yet)",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C, SIGTERM or a closed terminal; or you said no to the plan",
}

HEAD = """\
# The command line

<!-- made by generate_cli.py from the program; change it there -->

`pc-switcher COMMAND --help` tells the same in short. Errors, and what needs attention after a run, go to standard
error; all else goes to standard output. With `--json` standard output holds JSON lines and nothing else.
"""


def commands() -> dict[str, Command]:
    """Every command by the words a person types, in the order of the help."""
    found: dict[str, Command] = {}
    for name in app:
        if name.startswith("-"):
            continue
        inner = [each for each in app[name] if not each.startswith("-")]
        for each in inner:
            found[f"{name} {each}"] = _function(app[name][each])
        if not inner:
            found[name] = _function(app[name])
    return dict(sorted(found.items(), key=lambda item: (item[0] != "sync", item[0])))


def page() -> str:
    """The whole page."""
    parts = [HEAD, *(_section(name, function) for name, function in commands().items())]
    rows = "".join(f"| {code.value} | {words} |\n" for code, words in CODES.items())
    parts.append(f"## Exit codes\n\nAn unknown code is a failure.\n\n| code | meaning |\n|---|---|\n{rows}")
    return "\n".join(parts)


def _function(command: App) -> Command:
    if command.default_command is None:
        raise ValueError(f"{command.name} does nothing")
    return command.default_command


def _section(name: str, function: Command) -> str:
    text, helps = _docstring(function)
    hints = typing.get_type_hints(function, include_extras=True)
    usage, rows = [f"pc-switcher {name}"], []
    for parameter in inspect.signature(function).parameters.values():
        shown, label = _label(parameter, hints[parameter.name])
        usage.append(shown)
        choices = _choices(hints[parameter.name])
        more = f" One of: {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
        if isinstance(parameter.default, str):
            more += f" Default: `{parameter.default}`."
        given = [
            each.help for each in typing.get_args(hints[parameter.name]) if isinstance(each, Parameter) and each.help
        ]
        rows.append(f"| {label} | {given[0] if given else helps[parameter.name]}{more} |\n")
    table = "\n| | |\n|---|---|\n" + "".join(rows) if rows else ""
    return f"## pc-switcher {name}\n\n    {' '.join(usage)}\n\n{text}\n{table}"


def _label(parameter: inspect.Parameter, hint: object) -> tuple[str, str]:
    """How the usage line and the table call a parameter."""
    word = parameter.name.upper()
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"[{word}…]", f"`{word}`"
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        required = parameter.default is inspect.Parameter.empty
        return (word if required else f"[{word}]"), f"`{word}`"
    option = "--" + parameter.name.replace("_", "-")
    kinds = [each for each in typing.get_args(hint)[1:] if isinstance(each, Parameter)]
    names = [option, *(alias for each in kinds for alias in each.alias or ())]
    value = "" if isinstance(parameter.default, bool) else " " + ("LEVEL" if word == "LEVEL" else "WORD")
    return f"[{option}{value}]", ", ".join(f"`{each}{value}`" for each in names)


def _choices(hint: object) -> list[str]:
    """The words a parameter takes, when they are fixed."""
    found: list[str] = []
    for inner in (hint, *typing.get_args(hint)):
        if isinstance(inner, type) and issubclass(inner, enum.Enum):
            found += [str(member.value) for member in inner]
        elif typing.get_origin(inner) is typing.Literal:
            found += map(str, typing.get_args(inner))
        elif inner is not hint and typing.get_origin(inner) is tuple:
            found += _choices(inner)
    return list(dict.fromkeys(found))


def _docstring(function: Command) -> tuple[str, dict[str, str]]:
    """The words about a command, and those about each of its parameters."""
    text, _, parameters = inspect.getdoc(function).partition("\n\nParameters\n----------\n")  # type: ignore[union-attr]
    helps: dict[str, str] = {}
    for match in re.finditer(r"^(\w+)\n((?:    .*\n?)+)", parameters + "\n", flags=re.MULTILINE):
        helps[match[1]] = " ".join(line.strip() for line in match[2].splitlines()).replace("|", "\\|")
    return text.strip(), helps


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
