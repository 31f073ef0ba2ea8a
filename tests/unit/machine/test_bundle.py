"""The real program as one file: complete, small, the same from everywhere, on every Python we promise (D2, D3)."""

from __future__ import annotations

import ast
import io
import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pcswitcher.machine.bundle import build, describe_installation, main
from pcswitcher.machine.contents import Member
from pcswitcher.machine.deployed import Layout, content_digest, install, read_manifest
from pcswitcher.model.errors import CheckError

pytestmark = pytest.mark.slow

PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
OLD_PYTHONS = ("python3.6", "python3.7", "python3.8", "python3.9", "python3.10")

OUR_JOBS = " ".join(sorted(point.name for point in entry_points(group="pcswitcher.jobs")))

BUILD_AGAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from pcswitcher.machine.bundle import build
sys.path.extend(sys.argv[3:])
bundle = build(Path(sys.argv[2]))
print(bundle.version, bundle.digest)
"""
JOB_OF_A_BUNDLE = """
import sys
sys.path.insert(0, sys.argv[1])
from importlib.metadata import entry_points
from pcswitcher.machine.agent import allowed_packages
point, = (point for point in entry_points(group="pcswitcher.jobs") if point.name == "greet")
print(point.load(), sorted(allowed_packages()), sys.modules["greeting"].__file__.startswith(sys.argv[1]))
import pcswitcher
print(pcswitcher.__version__)
"""
IMPORT_ALL = """
import sys
sys.path.insert(0, sys.argv[1])
import attrs, cattrs, cyclopts, pathspec, platformdirs, rich.console, rich.progress
import textual.app, textual.widgets, tomlkit
from importlib.metadata import entry_points, version
from pcswitcher.model.codec import from_json, to_json
import pcswitcher.machine.agent
assert all(module.__file__.startswith(sys.argv[1]) for module in (attrs, cattrs, cyclopts, rich, textual, tomlkit))
print(version("pcswitcher"), *sorted(point.name for point in entry_points(group="pcswitcher.jobs")))
"""
FAST = """
import sys
sys.path.insert(0, sys.argv[1])
import pcswitcher.__main__, pcswitcher.machine.agent, pcswitcher.machine.guard
print(*sorted(name for name in ("rich", "textual", "cyclopts", "tomlkit") if name in sys.modules))
"""


def runnable(names: tuple[str, ...]) -> list[str]:
    """Those Pythons of this machine that really start (a version switcher's stub does not)."""
    paths = [path for name in names if (path := shutil.which(name))]
    return [path for path in paths if subprocess.run([path, "-V"], capture_output=True, check=False).returncode == 0]


def python(text: str, *arguments: str | Path, executable: str = sys.executable) -> str:
    """Run a text isolated from this environment's packages: without site, only the standard library is there."""
    command = [executable, "-I", "-S", "-c", text, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "pc-switcher"
    build(path)
    return path


@pytest.fixture(scope="module")
def deployed(bundle_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, installed below a directory; gives the versioned directory."""
    layout = Layout(str(tmp_path_factory.mktemp("pc")))
    version, digest = read_manifest(str(bundle_file))
    install(layout, bundle_file.read_bytes(), version, digest)
    return Path(layout.library, version)


def test_it_is_one_executable_file_of_at_most_six_megabytes(bundle_file: Path) -> None:
    assert bundle_file.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert stat.S_IMODE(bundle_file.stat().st_mode) == 0o755
    assert bundle_file.stat().st_size <= 6_000_000


def test_it_holds_no_compiled_file_no_path_of_this_machine_and_every_licence(bundle_file: Path) -> None:
    with zipfile.ZipFile(bundle_file) as archive:
        names = archive.namelist()
        contents = {name: archive.read(name) for name in names}
    assert not [name for name in names if name.endswith((".so", ".pyc", ".pyd", ".pth"))]
    assert not [name for name in names if name.endswith(("/RECORD", "/direct_url.json", "/INSTALLER"))]
    here = str(Path(__file__).resolve().parents[3]).encode()
    assert not [name for name, data in contents.items() if here in data]
    packages = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    licensed = {name.partition("/")[0] for name in names if ".dist-info/" in name and "licen" in name.lower()}
    assert packages == licensed
    assert names[0] == "pc-switcher.json"
    assert names[1:] == sorted(names[1:])


def test_its_digest_is_that_of_its_contents(bundle_file: Path) -> None:
    with zipfile.ZipFile(bundle_file) as archive:
        contents = [(name, archive.read(name)) for name in archive.namelist() if name != "pc-switcher.json"]
    assert read_manifest(str(bundle_file))[1] == content_digest(contents)


@pytest.mark.parametrize("executable", [sys.executable, *runnable(PYTHONS)], ids=lambda path: Path(path).name)
def test_it_works_on_every_python_with_nothing_installed(bundle_file: Path, executable: str) -> None:
    assert python(IMPORT_ALL, bundle_file, executable=executable).split(" ", 1)[1] == OUR_JOBS


def test_every_kind_of_installation_packs_the_same_bytes(bundle_file: Path, deployed: Path, tmp_path: Path) -> None:
    """From the editable checkout, from the bundle itself, from the deployed directory, from installed packages."""
    packages = tmp_path / "site-packages"
    shutil.copytree(deployed / "lib", packages, ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "__main__.py").unlink()
    names = [str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file()]
    code = [name for name in names if ".dist-info/" not in name]
    for information in packages.glob("*.dist-info"):
        # Whose code is whose does not matter to the bundle; a package without any would count as editable.
        own = [name for name in names if name.startswith(f"{information.name}/")]
        own += code if information.name.startswith("pcswitcher-") else ["attr/__init__.py"]
        (information / "RECORD").write_text("".join(f"{name},,\n" for name in own))
    expected = bundle_file.read_bytes()
    for number, place in enumerate((bundle_file, deployed / "lib", packages)):
        again = tmp_path / str(number)
        told = python(BUILD_AGAIN, place, again)
        assert told.split() == list(read_manifest(str(bundle_file)))
        assert again.read_bytes() == expected


def test_the_deployed_program_is_the_whole_program(deployed: Path, tmp_path: Path) -> None:
    """D3: the target can sync back, so it can carry the program on."""
    assert python(IMPORT_ALL, deployed / "lib").split(" ", 1)[1] == OUR_JOBS
    python(BUILD_AGAIN, deployed / "lib", tmp_path / "next")
    assert python(IMPORT_ALL, tmp_path / "next").split(" ", 1)[1] == OUR_JOBS


def test_a_job_installed_beside_the_program_travels_with_it(bundle_file: Path, deployed: Path, tmp_path: Path) -> None:
    """J1: the shipped program is one file; a job's package beside it, for this PC's Python, goes where it goes.

    The bundle and the deployed directory give the same program; what it carries then carries it on (D3). A file of
    the program itself is never replaced by one of such a package.
    """
    beside = tmp_path / "dist-packages"
    files = {
        "greeting/__init__.py": "from greeting_words import hello\n",
        "greeting_words.py": "hello = 'hello'\n",
        "pcswitcher/__init__.py": "__version__ = 'stolen'\n",
        "greet-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1\nRequires-Dist: greet-words\n",
        "greet-1.0.dist-info/entry_points.txt": "[pcswitcher.jobs]\ngreet = greeting:hello\n",
        "greet_words-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greet-words\nVersion: 1.0\n",
    }
    for name, text in files.items():
        (beside / name).parent.mkdir(parents=True, exist_ok=True)
        (beside / name).write_text(text)
    (beside / "greet-1.0.dist-info" / "RECORD").write_text(
        "greeting/__init__.py,,\npcswitcher/__init__.py,,\n"
        "greet-1.0.dist-info/METADATA,,\ngreet-1.0.dist-info/entry_points.txt,,\n"
    )
    (beside / "greet_words-1.0.dist-info" / "RECORD").write_text(
        "greeting_words.py,,\ngreet_words-1.0.dist-info/METADATA,,\n"
    )
    told = [
        python(BUILD_AGAIN, place, tmp_path / str(number), beside)
        for number, place in enumerate((bundle_file, deployed / "lib"))
    ]
    assert told[0] == told[1]
    assert told[0].split() != list(read_manifest(str(bundle_file))), "it is another program than without the job"
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()
    version = read_manifest(str(bundle_file))[0]
    assert python(JOB_OF_A_BUNDLE, tmp_path / "0") == f"hello ['greeting', 'pcswitcher'] True\n{version}"
    assert python(BUILD_AGAIN, tmp_path / "0", tmp_path / "again") == told[0]
    assert python(BUILD_AGAIN, tmp_path / "0", tmp_path / "again", beside) == told[0]


def test_the_agent_starts_without_the_command_line_and_screens(bundle_file: Path, deployed: Path) -> None:
    assert python(FAST, deployed / "lib") == ""
    assert python(FAST, bundle_file) == ""


def test_an_older_python_says_so_in_one_line(bundle_file: Path) -> None:
    """Its first file is syntax of Python 3.6; old Pythons are asked themselves where this machine has some."""
    with zipfile.ZipFile(bundle_file) as archive:
        ast.parse(archive.read("__main__.py"), feature_version=(3, 6))
    for executable in runnable(OLD_PYTHONS):
        ended = subprocess.run([executable, bundle_file], capture_output=True, text=True, timeout=20, check=False)
        assert ended.returncode == 13
        assert ended.stderr.startswith("pc-switcher needs Python 3.11 or newer")
        assert len(ended.stderr.splitlines()) == 1


def test_describing_the_installation_is_fast_and_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = describe_installation()
    times = []
    for _ in range(5):
        began = time.perf_counter()
        assert describe_installation().digest == first.digest
        times.append(time.perf_counter() - began)
    assert min(times) < 0.1
    shutil.rmtree(tmp_path / "pc-switcher")
    assert describe_installation().digest == first.digest


def test_a_changed_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.py"
    source.write_text("one")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("pcswitcher.machine.bundle.installation_members", lambda: (Member("a.py", str(source)),))
    first = describe_installation()
    assert describe_installation().digest == first.digest
    source.write_text("two")
    os.utime(source, ns=(0, 1))
    with pytest.raises(CheckError, match="changed while it runs"):
        first.read()
    second = describe_installation()
    assert second.digest != first.digest
    assert read_manifest(io.BytesIO(second.read())) == (second.version, second.digest)


@pytest.mark.parametrize("note", ["", "x", "a b c", "\0\xff"])
def test_a_spoilt_note_of_the_digest_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = tmp_path / "a.py"
    source.write_text("one")
    monkeypatch.setattr("pcswitcher.machine.bundle.installation_members", lambda: (Member("a.py", str(source)),))
    digest = describe_installation().digest
    (tmp_path / "pc-switcher" / "bundle-digest").write_text(note)
    assert describe_installation().digest == digest


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    source = tmp_path / "a.py"
    source.write_text("one")
    monkeypatch.setattr("pcswitcher.machine.bundle.installation_members", lambda: (Member("a.py", str(source)),))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(describe_installation().digest) == 64


def test_a_build_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "dist" / "pc-switcher"
    target.parent.mkdir()
    target.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    source = tmp_path / "a.py"
    source.write_text("one")
    monkeypatch.setattr("pcswitcher.machine.bundle.installation_members", lambda: (Member("a.py", str(source)),))
    with pytest.raises(OSError, match="disk full"):
        build(target)
    assert [path.name for path in target.parent.iterdir()] == ["pc-switcher"]
    assert target.read_text() == "old"


def test_the_command_for_make_tells_what_it_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "a.py"
    source.write_text("one")
    monkeypatch.setattr("pcswitcher.machine.bundle.installation_members", lambda: (Member("a.py", str(source)),))
    assert main([str(tmp_path / "dist" / "pc-switcher")]) == 0
    assert "pc-switcher: pc-switcher" in capsys.readouterr().out
    assert main([]) == 2
