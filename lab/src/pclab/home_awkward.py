"""The awkward part of a home: names, links, permissions, attributes, flags, times and special files.

Faults rows 12 and 15 to 17. Nothing here is a secret or harmful; a program that mistreats one of these names or
types shows it.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct

from pclab.home_writing import APPEND_ONLY, IMMUTABLE, NO_COPY_ON_WRITE, NO_DUMP, HomeWriter

AWKWARD = b"Awkward"
RETYPE = b"Awkward/retype"
NAMES: tuple[bytes, ...] = (
    b"new\nline",
    b"\nnewline first",
    b"tab\there",
    b"carriage\rreturn",
    b"bell\x07",
    b"escape \x1b[31mred\x1b[0m \x1b]0;title\x07",
    b"-leading-dash",
    b"--delete",
    b" leading space",
    b"trailing space ",
    b" ",
    b"star*",
    b"what?",
    b"set[1]",
    b"{a,b}",
    b"**",
    b"#hash",
    b"!bang",
    b"back\\slash",
    b"trailing\\",
    b"quotes '\"`$(id)$HOME;&|<>",
    b"~tilde",
    b"...",
    b"..two",
    b"colon:path",
    b"host::module",
    b"%s%n%%",
    b"invalid \xff\xfe utf-8",
    b"caf\xe9 in latin-1",
    b"\xed\xa0\x80 surrogate",
    b"\x80",
    "שלום עולם".encode(),
    "right-to-left \u202egpj.exe".encode(),
    "é one code point".encode(),
    "e\u0301 two code points".encode(),
    "zero\u200bwidth".encode(),
    "😀".encode(),
    b"n" * 255,
    ("é" * 127 + "x").encode(),
)
_DEEP = 3_400
_LONG_TIME_AGO = 1
_FAR_FUTURE = 4_294_967_295
_OTHER_USER = 1_001
_UNKNOWN_USER = 54_321
_ACL_VERSION = 2
_NAMED, _NOBODY_NAMED = 0x02, 0xFFFFFFFF


def write_awkward(writer: HomeWriter) -> None:
    """Write the awkward part."""
    _names(writer)
    _deep_path(writer)
    _links(writer)
    _permissions(writer)
    _attributes(writer)
    _flags(writer)
    _times(writer)
    _special_files(writer)
    _retype(writer)
    writer.folder(AWKWARD + b"/empty")
    writer.folder(AWKWARD + b"/empty/inside/another")
    writer.file(AWKWARD + b"/empty file", b"")


def access_control_list(user: int, *, default: bool = False) -> bytes:
    """The bytes of a POSIX ACL that lets one more user read and write.

    Form: linux/posix_acl_xattr.h, a version and then (tag, permissions, id) per entry, in the order of tags.
    """
    execute = 1 if default else 0
    entries = (
        (0x01, 6 | execute, _NOBODY_NAMED),  # owner
        (_NAMED, 6 | execute, user),
        (0x04, 4 | execute, _NOBODY_NAMED),  # owning group
        (0x10, 6 | execute, _NOBODY_NAMED),  # mask
        (0x20, 0, _NOBODY_NAMED),  # others
    )
    return struct.pack("<I", _ACL_VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def capability(*numbers: int) -> bytes:
    """The bytes of security.capability that permit these capabilities (linux/capability.h, revision 2)."""
    bits = sum(1 << number for number in numbers)
    return struct.pack("<IIIII", 0x02000001, bits & 0xFFFFFFFF, 0, bits >> 32, 0)


def _names(writer: HomeWriter) -> None:
    for name in NAMES:
        writer.file(AWKWARD + b"/names/" + name, name)
        writer.file(AWKWARD + b"/folder names/" + name + b"/inside", name)
    writer.symlink(AWKWARD + b"/names/link to newline", b"new\nline")


def _deep_path(writer: HomeWriter) -> None:
    """A path of about 3,500 bytes: PATH_MAX is 4,096, and a snapshot's place stands before it."""
    deep = AWKWARD + b"/deep"
    while len(deep) < _DEEP - 201:
        deep += b"/" + b"d" * 200
    writer.file(deep + b"/" + b"e" * (_DEEP - len(deep) - 1), writer.content.text(100))


def _links(writer: HomeWriter) -> None:
    links = AWKWARD + b"/links"
    writer.file(links + b"/file", writer.content.text(5_000))
    writer.hard_link(links + b"/same folder", links + b"/file")
    writer.hard_link(AWKWARD + b"/other folder/third name", links + b"/file")
    writer.hard_link(AWKWARD + b"/other folder/new\nline too", links + b"/file")
    # One name on each side of a border that the rules draw.
    writer.file(links + b"/also in cache", writer.content.text(900))
    writer.hard_link(b".cache/mesa_shader_cache/linked", links + b"/also in cache")
    for name, target in (
        (b"good", b"file"),
        (b"good absolute", writer.path(links + b"/file")),
        (b"folder", b"../other folder"),
        (b"dangling", b"no/such/thing"),
        (b"itself", b"itself"),
        (b"loop one", b"loop two"),
        (b"loop two", b"loop one"),
        (b"root", b"/"),
        (b"parent", b".."),
        (b"password file", b"/etc/passwd"),
        (b"bytes", b"no \xff\n\x1b[1m such"),
        (b"long", b"l/" * 700 + b"l"),
    ):
        writer.symlink(links + b"/" + name, target)
    writer.symlink(links + b"/hard linked symlink", b"file")
    writer.hard_link(links + b"/second name of a symlink", links + b"/hard linked symlink")


def _permissions(writer: HomeWriter) -> None:
    place = AWKWARD + b"/permissions"
    for mode in (0o000, 0o200, 0o400, 0o444, 0o600, 0o666, 0o711, 0o777):
        writer.file(place + b"/mode %04o" % mode, writer.content.text(60), mode)
    writer.file(place + b"/read-only folder/file", b"inside\n", 0o444)
    writer.folder(place + b"/read-only folder", 0o555)
    writer.folder(place + b"/closed folder", 0o000)
    writer.folder(place + b"/sticky", 0o1777)
    writer.folder(place + b"/group sticky", 0o2775)
    writer.file(place + b"/setuid", writer.content.noise(600), 0o4755)
    writer.file(place + b"/setgid", writer.content.noise(600), 0o2755)
    for name, user in ((b"of root", 0), (b"of the other user", _OTHER_USER), (b"of nobody we know", _UNKNOWN_USER)):
        writer.file(place + b"/" + name, writer.content.text(60))
        with writer.attempt("file of another user"):
            os.chown(writer.path(place + b"/" + name), user, user)


def _attributes(writer: HomeWriter) -> None:
    place = AWKWARD + b"/attributes"
    for name in (b"user", b"trusted", b"security", b"acl", b"many"):
        writer.file(place + b"/" + name, writer.content.text(80), 0o660)
    writer.attribute(place + b"/user", "user.comment", b"bytes \x00\xff\n inside")
    writer.attribute(place + b"/user", "user.empty", b"")
    writer.attribute(place + b"/trusted", "trusted.pclab", b"only root sees this")
    writer.attribute(place + b"/security", "security.pclab", b"label")
    for number in range(20):
        writer.attribute(place + b"/many", f"user.number.{number:02}", b"%d" % number * 20)
    writer.attribute(place + b"/acl", "system.posix_acl_access", access_control_list(_OTHER_USER))
    writer.folder(place + b"/default acl", 0o770)
    writer.attribute(
        place + b"/default acl", "system.posix_acl_default", access_control_list(_UNKNOWN_USER, default=True)
    )
    writer.attribute(place + b"/default acl", "user.comment", b"a folder has them too")
    writer.folder(place + b"/default acl/inherits")
    with open(shutil.which("true") or "/bin/true", "rb") as program:
        writer.file(place + b"/capable", program.read(), 0o755)
    writer.attribute(place + b"/capable", "security.capability", capability(10, 13))


def _flags(writer: HomeWriter) -> None:
    place = AWKWARD + b"/flags"
    for name, flag in (
        (b"immutable", IMMUTABLE),
        (b"append only", APPEND_ONLY),
        (b"no dump", NO_DUMP),
    ):
        writer.file(place + b"/" + name, writer.content.text(90))
        writer.flag(place + b"/" + name, flag)
    writer.file(place + b"/immutable folder/file", b"inside\n")
    writer.flag(place + b"/immutable folder", IMMUTABLE)
    writer.folder(place + b"/no copy on write")
    writer.flag_now(place + b"/no copy on write", NO_COPY_ON_WRITE)
    writer.file(place + b"/no copy on write/database", writer.content.noise(70_000))


def _times(writer: HomeWriter) -> None:
    place = AWKWARD + b"/times"
    for name, time in (
        (b"epoch", 0),
        (b"1970 and a nanosecond", _LONG_TIME_AGO),
        (b"1970", 3_600 * 10**9 + 123_456_789),
        (b"2038", 2_147_483_648 * 10**9 + 1),
        (b"2106", _FAR_FUTURE * 10**9 + 999_999_999),
    ):
        writer.file(place + b"/" + name, writer.content.text(20), time=time)


def _special_files(writer: HomeWriter) -> None:
    place = AWKWARD + b"/special"
    writer.node(place + b"/pipe", stat.S_IFIFO)
    writer.node(place + b"/listener", stat.S_IFSOCK)
    with writer.attempt("device nodes"):
        writer.node(place + b"/null device", stat.S_IFCHR, os.makedev(1, 3))
    with writer.attempt("device nodes"):
        writer.node(place + b"/whiteout", stat.S_IFCHR, os.makedev(0, 0))
    with writer.attempt("device nodes"):
        writer.node(place + b"/block device", stat.S_IFBLK, os.makedev(7, 200))


def _retype(writer: HomeWriter) -> None:
    """Names whose type the daily change turns around."""
    for number in range(2):
        writer.file(RETYPE + b"/file-%d" % number, writer.content.text(70))
        writer.file(RETYPE + b"/folder-%d/inside/file" % number, writer.content.text(70))
        writer.symlink(RETYPE + b"/link-%d" % number, b"/etc")
