"""The program on a machine's disk: whole before and after every step, whatever happens (requirement D1, promise 6)."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pcswitcher.machine.deployed import (
    Layout,
    Refusal,
    content_digest,
    install,
    read_current,
    read_identity,
    read_installed,
    unpack,
    use,
)

pytestmark = pytest.mark.slow

Make = Callable[..., "object"]
VERSION = "1.0"

CRASHING = """
import os, signal, sys
from pcswitcher.machine.deployed import Layout, install
prefix, bundle, version, digest, steps = sys.argv[1:]
with open(bundle, "rb") as file:
    data = file.read()
left = int(steps)
WATCHED = ("os.rename", "os.symlink", "os.mkdir", "os.remove", "os.rmdir", "subprocess.Popen", "ctypes.dlsym")
def count(event, arguments):
    global left
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
    if event in WATCHED or writes:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
install(Layout(prefix), data, version, digest)
"""


def put(layout: Layout, program) -> None:
    install(layout, program.data, program.version, program.digest)


def output(layout: Layout) -> str:
    return subprocess.run([layout.command], capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def hidden(layout: Layout) -> list[str]:
    return [name for name in os.listdir(layout.library) if name.startswith(".")]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "run").mkdir()
    return Layout(str(tmp_path))


def test_an_installed_program_runs_from_path_and_tells_what_it_is(layout: Layout, make_program: Make) -> None:
    program = make_program("1.0", "a")
    put(layout, program)
    assert output(layout) == "1.0 a"
    assert read_current(layout) == ("1.0", program.digest)
    assert read_installed(layout) == {"1.0": program.digest}
    home = Path(layout.library, "1.0")
    assert (home / "pc-switcher.pyz").read_bytes() == program.data
    assert list((home / "lib" / "pcswitcher" / "__pycache__").iterdir())
    assert hidden(layout) == []


def test_everything_installed_is_readable_by_all_and_writable_by_its_owner_only(
    layout: Layout, make_program: Make
) -> None:
    before = os.umask(0o077)
    try:
        put(layout, make_program("1.0"))
    finally:
        os.umask(before)
    for directory, directories, files in os.walk(layout.prefix + "/usr"):
        for name in (*directories, *files):
            status = os.lstat(os.path.join(directory, name))
            if not stat.S_ISLNK(status.st_mode):
                wanted = 0o755 if stat.S_ISDIR(status.st_mode) or name == "pc-switcher" else 0o644
                assert stat.S_IMODE(status.st_mode) == wanted, name


def test_the_version_before_is_kept_and_older_ones_go(layout: Layout, make_program: Make) -> None:
    for version in ("1.0", "1.1", "1.2"):
        put(layout, make_program(version))
    assert list(read_installed(layout)) == ["1.1", "1.2"]
    assert output(layout) == "1.2"


def test_another_program_of_the_same_version_takes_its_place(layout: Layout, make_program: Make) -> None:
    put(layout, make_program("1.0", "a"))
    put(layout, make_program("1.0", "b"))
    assert output(layout) == "1.0 b"
    assert len(hidden(layout)) == 1  # for an agent that still runs from it; the next installation removes it
    put(layout, make_program("1.1"))
    assert hidden(layout) == []


def test_a_version_that_is_there_is_used_without_its_bundle(layout: Layout, make_program: Make) -> None:
    old, new = make_program("1.0"), make_program("1.1")
    put(layout, old)
    put(layout, new)
    use(layout, "1.0", old.digest)
    assert output(layout) == "1.0"
    with pytest.raises(Refusal, match="not installed any more"):
        use(layout, "1.1", "0" * 64)


def test_the_bundle_itself_at_the_command_is_recognised_and_replaced(layout: Layout, make_program: Make) -> None:
    old = make_program("1.0")
    os.makedirs(os.path.dirname(layout.command))
    Path(layout.command).write_bytes(old.data)
    assert read_current(layout) == ("1.0", old.digest)
    put(layout, make_program("1.1"))
    assert output(layout) == "1.1"


@pytest.mark.parametrize("foreign", ["script", "link", "directory"])
def test_a_command_that_is_not_ours_is_never_replaced(layout: Layout, make_program: Make, foreign: str) -> None:
    command = Path(layout.command)
    command.parent.mkdir(parents=True)
    if foreign == "script":
        command.write_text("#!/bin/sh\n")
    elif foreign == "link":
        command.symlink_to("/opt/venv/bin/pc-switcher")
    else:
        command.mkdir()
    before = os.lstat(command)
    with pytest.raises(Refusal, match="was not put there by pc-switcher"):
        put(layout, make_program("1.0"))
    assert os.lstat(command) == before


@pytest.mark.parametrize("unsafe", ["link", "file", "writable"])
def test_a_library_that_others_could_change_is_refused(
    layout: Layout, make_program: Make, tmp_path: Path, unsafe: str
) -> None:
    library = Path(layout.library)
    library.parent.mkdir(parents=True)
    if unsafe == "link":
        (tmp_path / "elsewhere").mkdir()
        library.symlink_to(tmp_path / "elsewhere")
    elif unsafe == "file":
        library.write_text("")
    else:
        library.mkdir()
        library.chmod(0o775)
    with pytest.raises(Refusal, match="only root can write"):
        put(layout, make_program("1.0"))
    assert not os.path.lexists(layout.command)


def test_a_library_owned_by_someone_else_is_refused(root: None, layout: Layout, make_program: Make) -> None:
    os.makedirs(layout.library)
    os.chown(layout.library, 1000, 1000)
    with pytest.raises(Refusal, match="only root can write"):
        put(layout, make_program("1.0"))


def hostile(*names: str, link: bool = False, declared: str | None = None) -> tuple[bytes, str]:
    contents = sorted((name, b"x") for name in names)
    digest = content_digest(contents) if declared is None else declared
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("pc-switcher.json", json.dumps({"version": VERSION, "digest": digest}))
        for name, data in contents:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777 if link else stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data)
    return target.getvalue(), digest


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/x", "a//b", "./x", "a/..", "..", "a\\..\\x", "directory/", "a/./b", "x\\"]
)
def test_a_name_that_leaves_its_directory_is_refused(tmp_path: Path, name: str) -> None:
    data, digest = hostile(name, "good.py")
    with pytest.raises(Refusal, match="unsafe name"):
        unpack(data, str(tmp_path / "deep" / "lib"), VERSION, digest)
    assert list(tmp_path.rglob("*")) == []


def test_a_symlink_in_a_bundle_is_refused(tmp_path: Path) -> None:
    data, digest = hostile("innocent", link=True)
    with pytest.raises(Refusal, match="unsafe name"):
        unpack(data, str(tmp_path / "lib"), VERSION, digest)


def test_contents_other_than_announced_are_refused(tmp_path: Path) -> None:
    data, _ = hostile("a.py", declared="0" * 64)
    with pytest.raises(Refusal, match="not what its digest says"):
        unpack(data, str(tmp_path / "lib"), VERSION, "0" * 64)
    with pytest.raises(Refusal, match="another program than was announced"):
        unpack(data, str(tmp_path / "lib"), VERSION, "1" * 64)
    with pytest.raises(Refusal, match="no pc-switcher bundle"):
        unpack(b"#!/bin/sh\n", str(tmp_path / "lib"), VERSION, "0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["../1.0", "", "1.0/x", ".hidden", "x" * 70, 3])
def test_a_version_that_could_be_another_place_is_not_believed(tmp_path: Path, version: object) -> None:
    (tmp_path / "installed.json").write_text(json.dumps({"version": version, "digest": "0" * 64}))
    assert read_identity(str(tmp_path)) is None


@pytest.mark.parametrize("before", ["nothing", "older", "other"])
def test_killed_at_any_step_the_command_is_whole_and_the_next_installation_works(
    tmp_path: Path, make_program: Make, before: str
) -> None:
    """Promise 4 and 6 for the program itself: kill -9 before each single step that changes the disk."""
    new = make_program("1.0", "new")
    old = {"nothing": None, "older": make_program("0.9", "old"), "other": make_program("1.0", "old")}[before]
    expected = {f"{old.version} old", "1.0 new"} if old else {"1.0 new"}
    (tmp_path / "bundle").write_bytes(new.data)
    steps = 0
    while True:
        steps += 1
        assert steps < 60
        layout = Layout(str(tmp_path / str(steps)))
        if old:
            put(layout, old)
        arguments = [layout.prefix, str(tmp_path / "bundle"), new.version, new.digest, str(steps)]
        ended = subprocess.run([sys.executable, "-c", CRASHING, *arguments], timeout=60, check=False)
        assert os.path.lexists(layout.command) or not old
        if os.path.lexists(layout.command):
            assert output(layout) in expected, f"killed at step {steps}"
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        put(layout, new)
        assert output(layout) == "1.0 new"
        assert not [name for name in hidden(layout) if name.startswith(".new")]
        assert os.listdir(os.path.dirname(layout.command)) == ["pc-switcher"]
    assert steps > 10


def hold_lock(layout: Layout) -> int:
    os.makedirs(layout.library, exist_ok=True)
    descriptor = os.open(layout.library, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def test_an_installation_waits_for_another_one(tmp_path: Path, make_program: Make) -> None:
    layout = Layout(str(tmp_path / "pc"))
    program = make_program("1.0", "a")
    (tmp_path / "bundle").write_bytes(program.data)
    descriptor = hold_lock(layout)
    arguments = [layout.prefix, str(tmp_path / "bundle"), program.version, program.digest, "0"]
    with subprocess.Popen([sys.executable, "-c", CRASHING, *arguments]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.7)
        assert not os.path.lexists(layout.command)
        assert os.listdir(layout.library) == []
        os.close(descriptor)
        assert process.wait(30) == 0
    assert output(layout) == "1.0 a"


def test_an_installation_that_waits_too_long_says_why(
    layout: Layout, make_program: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pcswitcher.machine.deployed._LOCK_SECONDS", 0.2)
    descriptor = hold_lock(layout)
    try:
        with pytest.raises(Refusal, match="another installation of pc-switcher is at work"):
            put(layout, make_program("1.0"))
    finally:
        os.close(descriptor)


def test_the_compiler_of_a_killed_installation_keeps_the_lock_until_it_ends(tmp_path: Path, make_program: Make) -> None:
    """Otherwise it would write into the directory that the next installation is removing."""
    layout = Layout(str(tmp_path / "pc"))
    program = make_program("1.0")
    (tmp_path / "bundle").write_bytes(program.data)
    compiler = tmp_path / "python"
    compiler.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexec sleep 2\n")
    compiler.chmod(0o755)
    arguments = [layout.prefix, str(tmp_path / "bundle"), program.version, program.digest, "0"]
    text = f"import sys; sys.executable = {str(compiler)!r}\n{CRASHING}"
    with subprocess.Popen([sys.executable, "-c", text, *arguments]) as process:
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    with pytest.raises(BlockingIOError):
        hold_lock(layout)
    put(layout, program)
    assert output(layout) == "1.0"
    assert hidden(layout) == []
