"""What the lab carries to a PC: one archive with the modules that run there (`home` and `compare`).

On the PC: `python3 ARCHIVE home make …`, `python3 ARCHIVE compare manifest …`.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

PLACE = "/usr/local/lib/pclab.pyz"
MODULES = (
    *("home", "home_applications", "home_awkward", "home_edit", "home_ordinary", "home_writing"),
    *("compare", "errors", "manifest"),
)
_MAIN = """\
import sys
from pclab import compare, home

TOOLS = {"home": home.main, "compare": compare.main}
if len(sys.argv) < 2 or sys.argv[1] not in TOOLS:
    sys.exit("usage: pclab.pyz home|compare …")
sys.exit(TOOLS[sys.argv[1]](sys.argv[2:]))
"""


def archive() -> bytes:
    """The archive, to be written to PLACE on a PC and started with its python3 (3.11 or newer)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("__main__.py", _MAIN)
        packed.writestr("pclab/__init__.py", "")
        for module in MODULES:
            source = Path(__file__).with_name(f"{module}.py")
            packed.writestr(f"pclab/{module}.py", source.read_bytes())
    return buffer.getvalue()
