"""The ordinary part of a home: source trees, a repository, an environment, packages, photos, documents."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from pclab.home_writing import HomeWriter, Skipped, tree_below

PROJECTS = b"Projects"
PACKAGES = b"Projects/web/node_modules"
PHOTOS = b"Pictures"
DOCUMENTS = b"Documents"
ARCHIVE = b"Archive"
REPOSITORY = b"Projects/history"
ENVIRONMENT = b"Projects/analysis/.venv"

_SUFFIXES = (b".py", b".c", b".h", b".rs", b".ts", b".md", b".toml", b".txt")
_BIG_FOLDER = 2_000
_COMMITS = 60
_GIT_TIME = 1_690_000_000
_TIMEOUT = 60


def write_ordinary(writer: HomeWriter, files: int) -> None:
    """Write the ordinary part, given how many files there shall be (about)."""
    big = min(files // 3, _BIG_FOLDER)
    rest = files - big
    photos = min(max(rest // 50, 5), 300)
    documents = rest // 25
    packages = rest * 9 // 20
    _big_folder(writer, big)
    _photos(writer, photos)
    _documents(writer, documents)
    _packages(writer, packages)
    _sources(writer, rest - photos - documents - packages)
    _repository(writer)
    _environment(writer)


def _big_folder(writer: HomeWriter, files: int) -> None:
    for number in range(files):
        writer.file(ARCHIVE + b"/measurements/sample-%05d.csv" % number, writer.content.text(120))


def _photos(writer: HomeWriter, files: int) -> None:
    for number in range(files):
        name = PHOTOS + b"/2025-%02d/IMG_%04d.jpg" % (number % 12 + 1, number)
        writer.file(name, writer.content.image(writer.content.size(40_000)), 0o640)


def _documents(writer: HomeWriter, files: int) -> None:
    for number in range(files):
        name = DOCUMENTS + b"/%s/letter %d.odt" % (
            (b"taxes", b"Haus & Hof", "Übersetzung".encode())[number % 3],
            number,
        )
        writer.file(name, writer.content.noise(writer.content.size(6_000)))


def _packages(writer: HomeWriter, files: int) -> None:
    writer.file(b"Projects/web/package.json", b'{"name": "web"}\n')
    writer.file(b"Projects/web/yarn.lock", writer.content.text(4_000))
    writer.symlink(PACKAGES + b"/.bin/pack-0000", b"../pack-0000/cli.js")
    number = 0
    while number < files:
        base = PACKAGES + (b"/@scope" if writer.content.random.random() < 0.2 else b"") + b"/pack-%04d" % number
        writer.file(base + b"/package.json", writer.content.text(300))
        writer.file(base + b"/cli.js", writer.content.text(200), 0o755)
        for part in range(min(writer.content.random.randrange(2, 24), files - number)):
            writer.file(base + b"/lib/part-%02d.js" % part, writer.content.text(writer.content.size(600)))
            number += 1
        number += 2


def _sources(writer: HomeWriter, files: int) -> None:
    random = writer.content.random
    for number in range(files):
        tree = PROJECTS + b"/tool-%02d" % (number % 12)
        if number < 12:
            writer.file(tree + b"/Cargo.lock", writer.content.text(2_000))
        deep = b"".join(b"/part-%d" % random.randrange(6) for _ in range(random.randrange(1, 4)))
        name = tree + b"/src" + deep + b"/unit-%05d" % number + random.choice(_SUFFIXES)
        writer.file(name, writer.content.text(writer.content.size(2_000)), random.choice((0o644, 0o644, 0o664, 0o755)))


def _repository(writer: HomeWriter) -> None:
    """A repository with history: most of it in a pack, the last commits as loose objects."""
    if shutil.which("git") is None:
        writer.skipped.append(Skipped("git repository", "no git on this PC"))
        return
    writer.folder(REPOSITORY)
    place = writer.path(REPOSITORY)
    _git(place, "init", "--quiet", "--template=", "--initial-branch=main", ".")
    _git(place, "config", "user.name", "Sam")
    # Reflogs carry the time of the day: without them the same seed gives the same bytes.
    _git(place, "config", "core.logAllRefUpdates", "false")
    _git(place, "fast-import", "--quiet", "--force", stdin=_history(writer, 0, _COMMITS))
    _git(place, "fast-import", "--quiet", "--force", stdin=_history(writer, _COMMITS, 5))
    _git(place, "reset", "--quiet", "--hard", "main")
    _git(place, "read-tree", "main")  # an index without the times and inode numbers of this machine
    for item, _ in tree_below(os.path.join(place, b".git")):
        if b"fast_import_crash" in item:
            raise RuntimeError("git fast-import failed")
    writer.adopt(REPOSITORY)


def _history(writer: HomeWriter, first: int, commits: int) -> bytes:
    """A stream for git-fast-import(1)."""
    parts: list[bytes] = []
    for number in range(first, first + commits):
        message = b"Change number %d" % number
        parts.append(b"commit refs/heads/main\n")
        parts.append(b"committer Sam <sam@example.org> %d +0100\n" % (_GIT_TIME + number * 7_000))
        parts.append(b"data %d\n%s\n" % (len(message), message))
        if number == first and first:
            parts.append(b"from refs/heads/main^0\n")
        for _ in range(3):
            name = b"src/module-%02d.py" % writer.content.random.randrange(30)
            data = writer.content.text(writer.content.size(1_500))
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name, len(data), data))
    return b"".join(parts)


def _git(place: bytes, *arguments: str, stdin: bytes = b"") -> None:
    # The owner of the folder is not root yet/any more when root makes a home for somebody else.
    command = ["git", "-c", "safe.directory=*", "-C", os.fsdecode(place), *arguments]
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    subprocess.run(command, input=stdin, check=True, capture_output=True, timeout=_TIMEOUT, env=environment)


def _environment(writer: HomeWriter) -> None:
    """A Python virtual environment with a few packages in it."""
    writer.folder(ENVIRONMENT)
    place = os.fsdecode(writer.path(ENVIRONMENT))
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", place],
        check=False,
        capture_output=True,
        timeout=_TIMEOUT,
    )
    if made.returncode:
        writer.skipped.append(Skipped("Python environment", made.stderr.decode(errors="replace").strip()))
        return
    library = ENVIRONMENT + b"/lib/python%d.%d/site-packages" % sys.version_info[:2]
    os.makedirs(writer.path(library), exist_ok=True)
    writer.adopt(ENVIRONMENT)
    for number in range(30):
        name = library + b"/measure_%02d" % (number // 3)
        writer.file(name + b"/part_%02d.py" % number, writer.content.text(writer.content.size(900)))
        writer.file(name + b"/__pycache__/part_%02d.cpython-311.pyc" % number, writer.content.noise(700))
