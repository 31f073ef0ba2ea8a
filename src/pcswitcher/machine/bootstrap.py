"""The first program of ours that runs on another machine: it takes the rest in, and starts it.

Its text and that of ``deployed`` are sent as the argument of ``python3 -I -c`` and run as root there, before
anything of ours is installed: so both use the standard library only and compile on Python 3.6 (see ``deployed``).

Protocol, JSON lines over stdin and stdout. First line from here: ``{"pc-switcher": "bootstrap", …}``. Then one
order at a time: ``{"do": "install", "version", "digest", "size", "sha256", "ephemeral"}`` followed by ``size``
bytes, ``{"do": "use", "version", "digest"}``, ``{"do": "start"}``, ``{"do": "quit"}``; lines that are no order are
thrown away (a password that sudo did not ask for). Answers: ``{"done": …}``, or ``{"error", "hint"}`` and the end.
"""

import fcntl
import hashlib
import io
import json
import os
import signal
import sys
import tempfile

from pcswitcher.machine.deployed import (
    SIZE_LIMIT,
    Layout,
    Refusal,
    check_places,
    checked,
    install,
    read_current,
    read_installed,
    read_manifest,
    use,
)

_LINE_LIMIT = 64 * 1024
SILENCE = 120
"""Seconds without a byte after which the caller is gone: a pulled cable closes no pipe, and sshd would wait hours."""


def _read(size: int) -> bytes:
    """Some bytes from stdin. The alarm of alarm(2) ends this process; while it writes there is none."""
    signal.alarm(SILENCE)
    try:
        return os.read(0, size)
    finally:
        signal.alarm(0)


def _read_line() -> bytes:
    """One line from stdin, and not a byte more: what follows may belong to the agent."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = _read(1)
        if not byte:
            raise EOFError
        line += byte
        if len(line) > _LINE_LIMIT:
            raise Refusal("the other side sent no order")
    return bytes(line)


def _read_exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = _read(min(size - len(data), 1024 * 1024))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def _say(**message: object) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _greet(layout: Layout) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file must be able to say so
        raise Refusal(f"Python {sys.version.split()[0]} is too old, 3.11 is needed", "install a newer python3 there")
    if os.geteuid() != 0 and not layout.prefix:
        raise Refusal("the bootstrap does not run as root", "give your account sudo on that machine")
    check_places(layout)
    current = read_current(layout)
    installed = [{"version": version, "digest": digest} for version, digest in read_installed(layout).items()]
    greeting = {
        "pc-switcher": "bootstrap",
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "installed": installed,
        "current": {"version": current[0], "digest": current[1]} if current else None,
    }
    _say(**greeting)


def _next_order() -> "dict[str, object]":
    while True:
        try:
            found = json.loads(_read_line().decode())
        except ValueError:
            continue
        if isinstance(found, dict) and "do" in found:
            return found


def _receive(layout: Layout, order: "dict[str, object]") -> str:
    """Take a program in. Gives the path to start it from."""
    version, digest = checked(order.get("version"), order.get("digest"))
    size = order.get("size")
    if not isinstance(size, int) or not 0 < size <= SIZE_LIMIT:
        raise Refusal("the announced size is not possible")
    data = _read_exactly(size)
    if hashlib.sha256(data).hexdigest() != order.get("sha256"):
        raise Refusal("the program arrived damaged", "try again")
    if order.get("ephemeral") is not True:
        install(layout, data, version, digest)
        return layout.command
    if read_manifest(io.BytesIO(data)) != (version, digest):
        raise Refusal("the bundle holds another program than was announced")
    # A file without a name (open(2), O_TMPFILE): whatever ends the agent, nothing is left.
    with tempfile.TemporaryFile(dir=layout.run) as file:
        file.write(data)
        file.flush()
        descriptor = os.dup(file.fileno())
    fcntl.fcntl(descriptor, fcntl.F_SETFD, 0)  # the agent inherits it
    return f"/proc/self/fd/{descriptor}"


def converse(layout: Layout) -> None:
    """Greet, then follow orders until one starts the agent or ends the conversation. Raises Refusal, OSError."""
    _greet(layout)
    program = layout.command
    while True:
        order = _next_order()
        if order["do"] == "install":
            program = _receive(layout, order)
            _say(done="install")
        elif order["do"] == "use":
            use(layout, *checked(order.get("version"), order.get("digest")))
            _say(done="use")
        elif order["do"] == "start":
            os.execv(sys.executable, [sys.executable, "-I", program, "agent"])  # noqa: S606 - a program is a list, no shell
        elif order["do"] == "quit":
            return
        else:
            raise Refusal(f"{order['do']!r} is no order")


def main() -> int:
    """Run one conversation. Gives the exit code."""
    try:
        converse(Layout(sys.argv[1] if len(sys.argv) > 1 else ""))
    except (EOFError, BrokenPipeError):
        return 1  # nobody is there to be told
    except Refusal as refusal:
        _say(**{"pc-switcher": "bootstrap", "error": refusal.message, "hint": refusal.hint})
        return 1
    except (OSError, ValueError) as error:
        _say(**{"pc-switcher": "bootstrap", "error": str(error), "hint": ""})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
