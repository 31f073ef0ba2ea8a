"""The captured state: a person's own names in /etc/hosts, and how they stand in the text of such a file."""

from __future__ import annotations

import attrs

from pcswitcher.jobs.api import FormatError

DIRECTORY = b"/etc"
FILE = b"hosts"
LARGEST = 1024 * 1024
"""Most bytes of a hosts file that is read."""


@attrs.frozen
class Host:
    """A name, and the lines that give it an address: more than one where it has several."""

    name: str
    lines: tuple[str, ...]


@attrs.frozen
class Hosts:
    """All names in the block of one machine, sorted: the order of lines is no state."""

    hosts: tuple[Host, ...] = ()

    def get(self, name: str) -> Host | None:
        """The host of that name; None when there is none."""
        return next((host for host in self.hosts if host.name == name), None)

    def replacing(self, name: str, host: Host | None) -> Hosts:
        """The same, with another host of that name, or without one."""
        others = tuple(each for each in self.hosts if each.name != name)
        return Hosts(tuple(sorted((*others, *([host] if host else [])), key=_name_of)))


def read_block(text: str, block: str) -> Hosts:
    """Read the names between the lines ``# begin BLOCK`` and ``# end BLOCK``; a text without them has none.

    Raises FormatError for a block that begins or ends twice or not at all, or with a line that gives no name.
    """
    found: dict[str, list[str]] = {}
    for line in _split(text, block)[1]:
        if words := _words(line):
            found.setdefault(words[1], []).append(" ".join(words))
    return Hosts(tuple(Host(name, tuple(found[name])) for name in sorted(found)))


def write_block(text: str, block: str, hosts: Hosts) -> str:
    """The text of a hosts file with these names in its block.

    All around the block stays, and in it the comments and the lines of names that stay. Raises FormatError as
    ``read_block`` does.
    """
    before, inside, after = _split(text, block)
    old = read_block(text, block)
    waiting = {host.name: host for host in hosts.hosts if old.get(host.name) != host}
    lines: list[str] = []
    for line in inside:
        words = _words(line)
        if not words or old.get(words[1]) == hosts.get(words[1]):
            lines.append(line)
        elif new := waiting.pop(words[1], None):
            lines += new.lines
    lines += [line for host in waiting.values() for line in host.lines]
    marked = [f"# begin {block}", *lines, f"# end {block}"] if lines else []
    return "".join(f"{line}\n" for line in (*before, *marked, *after))


def _words(line: str) -> list[str]:
    """Address, name and aliases of a line; nothing for an empty one and a comment. Raises FormatError."""
    words = line.partition("#")[0].split()
    if len(words) == 1:
        raise FormatError(f"a line gives the address {words[0]!r} and no name")
    return words


def _split(text: str, block: str) -> tuple[list[str], list[str], list[str]]:
    """The lines before, in and after the block."""
    lines = text.removesuffix("\n").split("\n") if text else []
    begins, ends = ([at for at, line in enumerate(lines) if line.strip() == f"# {word} {block}"] for word in _WORDS)
    if not begins and not ends:
        return lines, [], []
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise FormatError(f"“# begin {block}” and “# end {block}” must stand there once each, in this order")
    return lines[: begins[0]], lines[begins[0] + 1 : ends[0]], lines[ends[0] + 1 :]


_WORDS = ("begin", "end")


def _name_of(host: Host) -> str:
    return host.name
