"""The policy we ship: what stays, what travels, and that it says why (F3; tools §2, workloads §9)."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

from pcswitcher.files.patterns import compile_pattern
from pcswitcher.files.rule import TreeKind
from pcswitcher.files.rules import RuleClass, RuleSet, RuleTarget
from pcswitcher.jobs.files.rules import load_rule_texts, shipped_rows
from pcswitcher.model.codec import dumps

REFERENCE = Path(__file__).parents[4] / "docs" / "reference"
NOWHERE = "/nonexistent/rules"


def shipped(kind: TreeKind = TreeKind.HOMES) -> RuleSet:
    return RuleSet.build(load_rule_texts(b"/home" if kind is TreeKind.HOMES else b"/root", kind, NOWHERE))


RULES = shipped()

FINAL = """
.ssh/id_ed25519 .ssh/id_ed25519.pub .ssh/id_rsa .ssh/id_ecdsa_sk .ssh/authorized_keys .ssh/authorized_keys2
.ssh/known_hosts .ssh/known_hosts.old .ssh/agent/s.x .ssh/controlmasters/x .gnupg/S.gpg-agent .gnupg/random_seed
.gnupg/pubring.kbx.lock .gnupg/public-keys.d/pubring.db.lock .gnupg/.#lk0x55 .tailscale/x .config/tailscale/x
.config/zerotier .config/kdeconnect/privateKey.pem .config/syncthing/key.pem .local/state/syncthing/key.pem
.Xauthority .ICEauthority .config/google-chrome/SingletonLock .config/chromium/SingletonCookie
.mozilla/firefox/ab12.default/lock .mozilla/firefox/ab12.default/.parentlock
snap/firefox/common/.mozilla/firefox/ab12.default/lock .thunderbird/x.default/lock Documents/.~lock.report.odt#
.config/libreoffice/4/.lock .config/Code/code.lock .local/state/pc-switcher/runs/1
.config/pc-switcher/config.toml .config/pc-switcher/machine.toml
"""

NEVER = """
.cache/mesa_shader_cache/a .cache/nvidia/x .cache/radv_builtin .cache/mozilla/firefox/p/cache2
.cache/google-chrome/Default .cache/thumbnails/large/x.png .cache/fontconfig/x .cache/tracker3/f .cache/gvfs
.cache/doc .cache/JetBrains/x .cache/bazel/x .cache/vscode-cpptools/x .cache/torch/kernels/x .nv/ComputeCache/x
.nv/GLCache/x .config/Slack/GPUCache/data_0 .config/google-chrome/ShaderCache/x
.config/google-chrome/Default/GPUCache/x .config/chromium/GrShaderCache/x
.config/google-chrome/Default/DawnCache/x .config/chromium/GraphiteDawnCache/x .config/Code/Cache/x
.config/Code/CachedData/x .config/BraveSoftware/Brave-Browser/component_crx_cache/x
.config/google-chrome/optimization_guide_model_store/x .config/google-chrome/OnDeviceHeadSuggestModel/x
.config/Code/Crashpad/x .config/Code/logs/1 .config/Cursor/logs/1 .mozilla/firefox/p/startupCache/x
.mozilla/firefox/p/safebrowsing/x .mozilla/firefox/p/minidumps/x .mozilla/firefox/p/crashes/x
.local/share/tracker3/files/x .local/share/gvfs-metadata/root .local/share/Trash/files/x .Trash-1000/x .gvfs/x
.dbus/session-bus/x .config/monitors.xml .config/pulse/cookie .config/ibus/bus/x .local/state/wireplumber/x
.local/state/pipewire/x .config/dconf/user .local/share/containers/storage/x .local/share/docker/x .minikube/x
.k3d/x .vagrant.d/boxes/x .local/share/flatpak/repo/x .var/app/org.mozilla.firefox/cache/x snap/code/42/x
snap/firefox/current snap/firefox/x1/y snap/firefox/common/.cache/x .xsession-errors .xsession-errors.old
.X0-lock .vnc/pc:1.pid .serverauth.123 .steam/steam.pid .local/share/Steam/steamapps/shadercache/x
work/.main.c.swp work/.#main.c work/.nfs000000000123 .dropbox/x .config/Nextcloud/x
.config/Code/User/globalStorage/state.vscdb .config/Code/User/globalStorage/state.vscdb.backup
.config/VSCodium/User/workspaceStorage/ab/state.vscdb .vscode-shared/sharedStorage/state.vscdb
.gradle/daemon/8.1/x .kube/cache/x
"""

ASK = """
.ssh/config .ssh/work.pem .ssh/github_ed25519 .gnupg/private-keys-v1.d/x.key .local/share/keyrings/login.keyring
.local/share/kwalletd/kdewallet.kwl .pki/nssdb/key4.db .config/goa-1.0/accounts.conf .cloudflared/cert.pem
Dropbox/x OneDrive/x Nextcloud/x .local/share/libvirt/images/vm.qcow2
.local/share/Steam/steamapps/compatdata/1/x Games/x .config/Signal/sql/db.sqlite
"""

TRAVELS = """
.cache/pip/http/x .cache/uv/archive-v0/x .cache/pypoetry/x .cache/pre-commit/x .cache/yarn/x
.cache/huggingface/hub/x .cache/torch/hub/x .cache/whisper/x .cache/ms-playwright/x .cache/puppeteer/x
.cache/ccache/x .cache/deno/x .cache/go-build/x .npm/_cacache/x .cargo/registry/x .cargo/bin/x
.rustup/toolchains/x go/pkg/mod/x .m2/repository/x .gradle/caches/modules-2/x .local/share/pnpm/store/x
.ollama/models/x .ccache/x .nuget/packages/x .local/share/uv/python/x .local/share/uv/tools/x
work/node_modules/x work/.venv/bin/python work/target/debug/x work/build/x work/__pycache__/x work/.tox/x
work/Cargo.lock work/package-lock.json work/yarn.lock work/poetry.lock work/uv.lock work/Gemfile.lock
work/flake.lock work/composer.lock work/lock work/.lock work/locks/a.lock work/LOCK work/.git/index.lock
work/.git/config work/lock.c work/image.swp work/notes.swp work/4913 work/swap.swo work/Cache/x
work/Code/Cache/x work/logs/x work/cache2/x work/ShaderCache/x work/id_rsa_test.txt work/id_ed25519
work/known_hosts work/authorized_keys work/S.txt work/state.vscdb work/nohup.out nohup.out work/.cache/x
work/.config/dconf/x work/.ssh/id_rsa work/.mozilla/firefox/p/lock work/snap/a/b work/Games/x work/Trash/x
work/data.pid work/a.log work/~lock work/.~lock work/a.sock work/pipe .bashrc .profile .gitconfig .netrc
.aws/credentials .kube/config .docker/config.json .config/gh/hosts.yml .config/autostart/x.desktop
.config/systemd/user/default.target.wants/x .config/user-dirs.dirs
.config/pc-switcher/rules/home.never .config/Code/User/settings.json .config/google-chrome/Default/Bookmarks
.config/google-chrome/Default/Login_Data .mozilla/firefox/p/places.sqlite .mozilla/firefox/p/places.sqlite-wal
.thunderbird/p/Mail/x .thunderbird/p/prefs.js .config/hexchat/logs/x .purple/logs/x
snap/firefox/common/.mozilla/firefox/p/places.sqlite .var/app/org.mozilla.firefox/config/x
.local/share/applications/x.desktop .ssh/rc .ssh .gnupg .gnupg/pubring.kbx .gnupg/gpg.conf .gnupg/trustdb.gpg
.cache .config .local/state/pc-switcher-notes .local/share/gnome-boxes/images/x .pcswitcherignore
work/.pcswitcherignore Documents/report.odt
"""

VOLATILE = (
    ".bash_history .zsh_history .python_history .lesshst .local/share/recently-used.xbel .local/share/fish/fish_history"
)


def said(path: str, home: str = "sam/", rules: RuleSet = RULES) -> RuleClass:
    return rules.decide((home + path).encode(), False).rule_class


@pytest.mark.parametrize("path", FINAL.split())
def test_identities_keys_and_locks_stay_whatever_the_user_writes(path: str) -> None:
    """F3, promise 9: a final rule cannot be undone by home.* files or by .pcswitcherignore."""
    verdict = RULES.decide(b"sam/" + path.encode(), False)
    assert verdict.rule is not None
    assert verdict.rule.final
    assert verdict.rule_class is RuleClass.NEVER
    rules = RULES.with_directory_file(b"", b"!**\n").with_directory_file(b"sam", f"!{path}\n!**\n".encode())
    assert said(path, rules=rules) is RuleClass.NEVER


@pytest.mark.parametrize(
    "path",
    [
        *NEVER.split(),
        ".config/google-chrome/Default/Code Cache/x",
        ".config/google-chrome/Default/Service Worker/CacheStorage/x",
        ".config/google-chrome/Crash Reports/x",
        ".config/google-chrome/Safe Browsing/x",
        ".config/Code - OSS/CachedData/x",
    ],
)
def test_what_belongs_to_one_machine_stays_by_default(path: str) -> None:
    assert said(path) is RuleClass.NEVER


@pytest.mark.parametrize("path", ASK.split())
def test_what_only_the_user_can_know_is_asked(path: str) -> None:
    assert said(path) is RuleClass.ASK


@pytest.mark.parametrize("path", TRAVELS.split())
def test_user_data_and_developer_caches_travel(path: str) -> None:
    """Above all no lock file of a package manager, no file that is merely called like a lock or a cache."""
    assert said(path) is RuleClass.SYNC


@pytest.mark.parametrize("path", VOLATILE.split())
def test_histories_travel_and_are_never_a_conflict(path: str) -> None:
    assert said(path) is RuleClass.VOLATILE


def test_roots_own_home_has_the_same_rules() -> None:
    rules = shipped(TreeKind.HOME)
    assert said(".ssh/id_rsa", "", rules) is RuleClass.NEVER
    assert said(".cache/mesa", "", rules) is RuleClass.NEVER
    assert said("work/.ssh/id_rsa", "", rules) is RuleClass.SYNC


@pytest.mark.parametrize("kind", list(TreeKind))
def test_our_workplace_and_the_file_systems_own_directories_stay(kind: TreeKind) -> None:
    rules = shipped(kind).with_directory_file(b"", b"!*\n")
    for name in (b".pc-switcher-stage-0007", b"lost+found", b".snapshots", b".Trash-0"):
        assert rules.excludes(name, True)


def test_sockets_stay_and_pipes_travel() -> None:
    assert RULES.excludes(b"sam/work/run.sock", False, is_socket=True)
    assert not RULES.excludes(b"sam/work/pipe", False)


def test_no_shipped_rule_holds_back_a_home_folder() -> None:
    for name in (b"sam", b"snap", b"Games", b"GPUCache", b".cache"):
        assert not RULES.excludes(name, True)


def test_every_shipped_pattern_compiles_and_is_written_once() -> None:
    patterns = [(pattern, row.target, row.scope) for row in shipped_rows() for pattern in row.patterns]
    assert len(set(patterns)) == len(patterns)
    for pattern, _, _ in patterns:
        compile_pattern(pattern.encode())


def test_every_shipped_reason_is_one_plain_sentence() -> None:
    for row in shipped_rows():
        assert row.reason == row.reason.strip()
        assert "\n" not in row.reason
        assert not row.reason.endswith(".")
        assert "|" not in row.reason
        assert 20 <= len(row.reason) <= 120


def test_only_never_is_final_and_final_patterns_hold_symlinks_too() -> None:
    for row in shipped_rows():
        if row.final:
            assert row.rule_class is RuleClass.NEVER
            assert not any(pattern.endswith("/") for pattern in row.patterns)


def test_ordinary_names_never_reach_the_patterns() -> None:
    """The hot path: 1 µs for names like these, because no pattern has to be asked."""
    texts = load_rule_texts(b"/home", TreeKind.HOMES, NOWHERE)
    plain = RuleSet.build(texts)
    ordinary = (
        "src/main.c",
        "work/node_modules/lodash/fp.js",
        ".git/objects/ab/cdef",
        "Pictures/IMG_1.jpg",
        ".local/lib/x.pyc",
    )
    for path in ordinary:
        assert not plain._prefilter.may_match(b"sam/" + path.encode())
    assert len([rule for rule in texts.rules if compile_pattern(rule.pattern.encode()).needle == b""]) == 1  # sockets
    assert [rule.target for rule in texts.rules if rule.pattern == "*"] == [RuleTarget.SOCKET]


def test_the_rules_of_a_tree_are_a_small_message() -> None:
    assert len(dumps(load_rule_texts(b"/home", TreeKind.HOMES, NOWHERE))) < 100_000


def test_the_users_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "home.sync").write_text(".config/dconf\n.ssh/id_ed25519\n")
    rules = RuleSet.build(load_rule_texts(b"/home", TreeKind.HOMES, os.fspath(tmp_path)))
    assert said(".config/dconf/user", rules=rules) is RuleClass.SYNC
    assert said(".ssh/id_ed25519", rules=rules) is RuleClass.NEVER


def test_the_reference_page_shows_the_shipped_rules_as_they_are() -> None:
    """Mend with: python docs/reference/generate_rules.py."""
    made = runpy.run_path(os.fspath(REFERENCE / "generate_rules.py"))
    text = (REFERENCE / "rules.md").read_text(encoding="utf-8")
    assert made["page_with"](text, shipped_rows()) == text
    assert all(row.reason in text for row in shipped_rows())
