"""The bootstrap as it runs on the other machine: started by its argument, spoken to over pipes (D1, D2)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pcswitcher.machine.deploy import bootstrap_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]  # a bootstrap that reads too far waits for ever
OLD_PYTHONS = ("python3.6", "python3.7", "python3.8", "python3.9", "python3.10")


class Far:
    """The other side of the pipes."""

    def __init__(self, prefix: Path) -> None:
        (prefix / "run").mkdir(parents=True, exist_ok=True)
        self.prefix = prefix
        command = bootstrap_command(sys.executable, prefix=str(prefix))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def send(self, data: bytes) -> None:
        self.process.stdin.write(data)

    def order(self, **order: object) -> None:
        self.send(json.dumps(order).encode() + b"\n")

    def answer(self) -> dict[str, object]:
        return json.loads(self.line())

    def line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n") and (byte := self.process.stdout.read(1)):
            line += byte
        return line

    def install(self, program, *, ephemeral: bool = False, sent: bytes | None = None, **other: object) -> None:
        order = {
            "do": "install",
            "version": program.version,
            "digest": program.digest,
            "size": len(program.data),
            "sha256": program.sha256,
            "ephemeral": ephemeral,
        }
        self.order(**{**order, **other})
        self.send(program.data if sent is None else sent)

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(20)

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*"))

    @property
    def command(self) -> Path:
        return self.prefix / "usr/local/bin/pc-switcher"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Far]]:
    with contextlib.ExitStack() as stack:

        def starting() -> Far:
            far = Far(tmp_path / "pc")
            stack.callback(far.process.stdout.close)
            stack.callback(far.process.wait, 10)
            stack.callback(far.process.kill)
            stack.callback(far.process.stdin.close)
            return far

        yield starting


Start = Callable[[], Far]


def test_it_greets_with_what_is_there(start: Start, make_program) -> None:
    assert start().answer() == {
        "pc-switcher": "bootstrap",
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "installed": [],
        "current": None,
    }
    program = make_program("1.0")
    far = start()
    far.line()
    far.install(program)
    assert far.answer() == {"done": "install"}
    greeting = start().answer()
    assert greeting["installed"] == [{"version": "1.0", "digest": program.digest}]
    assert greeting["current"] == {"version": "1.0", "digest": program.digest}


def test_the_agent_gets_every_byte_after_the_order_to_start(start: Start, make_program) -> None:
    """The bootstrap must not read ahead: what follows its last line is the agent's."""
    far = start()
    far.line()
    far.install(make_program("1.0", "x"))
    assert far.answer() == {"done": "install"}
    far.send(b'{"do": "start"}\n{"jsonrpc": "2.0"}\nmore')
    assert far.line() == b"agent 1.0 x listens\n"
    far.process.stdin.close()
    assert far.process.stdout.read() == b'{"jsonrpc": "2.0"}\nmore'
    assert far.process.wait(10) == 0


def test_lines_that_are_no_order_are_thrown_away(start: Start) -> None:
    """A password that sudo did not ask for stays in the pipe; it must not end anything, nor be repeated."""
    far = start()
    far.line()
    far.send(b'secret\n\n{"password": 1}\n[1]\n\xff\xfe\n{"do": "quit"}\n')
    assert far.process.wait(10) == 0
    assert far.process.stdout.read() == b""


def test_an_ephemeral_program_runs_and_leaves_nothing(start: Start, make_program) -> None:
    """Promise 2: a dry run leaves nothing behind, even when its agent is killed."""
    far = start()
    far.line()
    before = far.files()
    far.install(make_program("1.0", "x"), ephemeral=True)
    assert far.answer() == {"done": "install"}
    far.order(do="start")
    assert far.line() == b"agent 1.0 x listens\n"
    assert far.files() == before
    far.process.send_signal(signal.SIGKILL)
    far.process.wait(10)
    assert far.files() == before


@pytest.mark.parametrize("ephemeral", [False, True])
def test_a_damaged_transfer_is_refused_and_nothing_is_installed(start: Start, make_program, ephemeral: bool) -> None:
    program = make_program("1.0")
    far = start()
    far.line()
    far.install(program, ephemeral=ephemeral, sent=program.data[:-1] + b"!")
    answer = far.answer()
    assert answer["error"] == "the program arrived damaged"
    assert answer["hint"] == "try again"
    assert far.end() == 1
    assert far.files() == ["run"]


@pytest.mark.parametrize(
    "other",
    [
        {"version": "../../../../etc"},
        {"version": "1.1"},
        {"version": None},
        {"digest": "0" * 64},
        {"digest": "/etc"},
        {"size": -1},
        {"size": 1 << 40},
        {"size": "12"},
        {"sha256": None},
    ],
)
def test_an_order_that_does_not_fit_its_program_is_refused(
    start: Start, make_program, other: dict[str, object]
) -> None:
    far = start()
    far.line()
    with contextlib.suppress(BrokenPipeError):
        far.install(make_program("1.0"), **other)
    assert far.answer()["error"]
    assert far.end() == 1
    assert not os.path.lexists(far.command)
    assert not [name for name in far.files() if ".new" in name or "pcswitcher" in name]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_transfer_that_stops_leaves_nothing_and_no_process(start: Start, make_program, share: float) -> None:
    program = make_program("1.0")
    far = start()
    far.line()
    far.install(program, sent=program.data[: int(len(program.data) * share)])
    assert far.end() == 1
    assert far.files() == ["run"]


@pytest.mark.parametrize("wait", [0.0, 0.005, 0.02, 0.05, 0.1, 0.2])
def test_killed_at_any_moment_the_next_one_installs(start: Start, make_program, wait: float) -> None:
    old, new = make_program("0.9"), make_program("1.0")
    far = start()
    far.line()
    far.install(old)
    far.answer()
    far = start()
    far.line()
    far.install(new)
    time.sleep(wait)
    far.process.kill()
    far.process.wait(10)
    found = subprocess.run([far.command], capture_output=True, text=True, timeout=10, check=True)
    assert found.stdout.split()[0] in {"0.9", "1.0"}
    far = start()
    far.line()
    far.install(new)
    assert far.answer() == {"done": "install"}
    assert subprocess.run([far.command], capture_output=True, text=True, check=True).stdout.startswith("1.0")


def test_a_place_that_is_not_safe_is_told_instead_of_the_greeting(start: Start, tmp_path: Path) -> None:
    library = tmp_path / "pc/usr/local/lib/pc-switcher"
    library.parent.mkdir(parents=True)
    library.symlink_to(tmp_path)
    far = start()
    answer = far.answer()
    assert "only root can write" in str(answer["error"])
    assert str(answer["hint"]).startswith("move it away: sudo mv")
    assert far.end() == 1


def test_without_root_it_refuses() -> None:
    python, *options, text = bootstrap_command(sys.executable)
    command = [python, *options, "import os; os.geteuid = lambda: 1000; " + text]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    assert json.loads(found.stdout)["error"] == "the bootstrap does not run as root"
    assert found.returncode == 1


def test_its_text_is_one_word_of_harmless_letters_for_every_login_shell() -> None:
    *_, text = bootstrap_command()
    assert len(text) < 16 * 1024
    assert not set(text) & set("'\\\n!$`*?~ ") - {" "}
    for name in ("sh", "dash", "bash", "zsh", "fish", "tcsh"):
        if shell := shutil.which(name):
            quoted = subprocess.run([shell, "-c", f"printf %s '{text}'"], capture_output=True, text=True, check=True)
            assert quoted.stdout == text


def test_an_old_python_says_that_it_is_too_old(tmp_path: Path) -> None:
    """Syntax of Python 3.6, checked by Python itself, and by old ones where this machine has some."""
    import ast

    import pcswitcher.machine.bootstrap as bootstrap
    import pcswitcher.machine.deployed as deployed

    for module in (bootstrap, deployed):
        text = Path(module.__file__).read_text("utf-8")
        ast.parse(text, feature_version=(3, 6))
        assert "from __future__" not in text.replace("``from __future__``", "")
    for name in OLD_PYTHONS:
        python = shutil.which(name)
        if python is None or subprocess.run([python, "-V"], capture_output=True, check=False).returncode != 0:
            continue
        command = bootstrap_command(python, prefix=str(tmp_path))
        found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert "is too old, 3.11 is needed" in json.loads(found.stdout)["error"]


@pytest.mark.parametrize("said", [b"", b'{"do": "inst'], ids=["nothing", "half an order"])
def test_a_caller_that_falls_silent_is_taken_for_gone(tmp_path: Path, said: bytes) -> None:
    """Faults row 2: the link stalls during the deployment; no pipe is closed by that."""
    script = "import sys; from pcswitcher.machine import bootstrap; bootstrap.SILENCE = 1; bootstrap.main()"
    (tmp_path / "run").mkdir()
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdin=pipe, stdout=pipe) as process:
        assert b'"bootstrap"' in process.stdout.readline()
        process.stdin.write(said)
        process.stdin.flush()
        assert process.wait(10) == -signal.SIGALRM
