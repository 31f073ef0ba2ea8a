"""What the small commands share: JSON objects with a type, and a plain way to end an agent."""

from __future__ import annotations

import sys

from pcswitcher.model.codec import dump_plain, to_json
from pcswitcher.model.events import SCHEMA


def print_json(kind: str, value: object) -> None:
    """Print a typed value as one line of JSON with its type and schema."""
    data = to_json(value)
    body = data if isinstance(data, dict) else {"value": data}
    sys.stdout.write(dump_plain({"type": kind, "schema": SCHEMA, **body}) + "\n")
