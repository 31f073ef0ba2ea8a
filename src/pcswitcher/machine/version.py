"""Which of two versions is newer: the part of PEP 440 that we and our dependencies use."""

from __future__ import annotations

import re
from functools import total_ordering

import attrs

from pcswitcher.model.errors import FormatError
from pcswitcher.model.text import printable

_FORM = re.compile(
    r"v?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<stage>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre>\d*))?"
    r"(?:(?:[-_.]?(?:post|rev|r)[-_.]?|-)(?P<post>\d+))?"
    r"(?:[-_.]?dev(?P<dev>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_ONLY_DEV = (-1, 0)
_FINAL = (3, 0)

_Key = tuple[tuple[int, ...], tuple[int, int], int, tuple[int, int], tuple[tuple[int, int, str], ...]]


@total_ordering
@attrs.frozen(eq=False)
class Version:
    """A version that can be compared: ``1.0.dev1 < 1.0a1 < 1.0rc1 < 1.0 < 1.0+local < 1.0.post1``."""

    text: str
    key: _Key

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version. Raises FormatError when it has no form of PEP 440 (epochs are not known here)."""
        match = _FORM.fullmatch(text.strip().lower())
        if match is None:
            raise FormatError(f"{printable(text)!r} is not a version")
        release = [int(part) for part in match["release"].split(".")]
        while len(release) > 1 and release[-1] == 0:
            release.pop()
        if match["stage"]:
            stage = (_STAGES[match["stage"]], int(match["pre"] or 0))
        else:
            stage = _ONLY_DEV if match["dev"] is not None and match["post"] is None else _FINAL
        post = -1 if match["post"] is None else int(match["post"])
        dev = (1, 0) if match["dev"] is None else (0, int(match["dev"] or 0))
        local = tuple(
            (1, int(part), "") if part.isdecimal() else (0, 0, part)
            for part in re.split(r"[-_.]", match["local"] or "")
            if part
        )
        return cls(text, (tuple(release), stage, post, dev, local))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: Version) -> bool:
        return self.key < other.key

    def __str__(self) -> str:
        return self.text
