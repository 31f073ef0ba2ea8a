"""Typed values to JSON and back, for the wire, the plan, records and states.

Bytes travel as escaped text (``model.text``), enums as their values, attrs classes as objects, times
as ISO 8601 with offset. Unknown keys and wrong types are refused: data from another machine or an
older program is checked once, here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Generic, Never, TypeAlias, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError
from cattrs.v import format_exception, transform_error

from pcswitcher.model.errors import FormatError
from pcswitcher.model.secret import Secret
from pcswitcher.model.text import escape, unescape

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"

T = TypeVar("T")
# json.dumps would make one for each line of a log.
_COMPACT = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


@attrs.frozen
class TextForm(Generic[T]):
    """How a person writes values of a type, where that is not how programs tell them to each other."""

    shape: type[T]
    read: Callable[[object], T]
    """Is given text, and whatever else was written in its place. Raises ValueError that says what is expected."""
    write: Callable[[T], str]


TextForms: TypeAlias = tuple[TextForm[object], ...]


def to_json(value: object, shape: object = None, forms: TextForms = ()) -> JsonValue:
    """Turn a typed value into plain JSON data. ``shape`` gives the static type where the value alone is not enough."""
    result: JsonValue = _converter(forms).unstructure(value, unstructure_as=shape)
    return result


def from_json(shape: type[T], data: JsonValue, forms: TextForms = ()) -> T:
    """Build a value of type ``shape`` from JSON data. Raises FormatError naming what does not fit."""
    try:
        return _converter(forms).structure(data, shape)
    except BaseValidationError as error:
        raise FormatError("; ".join(transform_error(error, format_exception=_reason))) from error
    except (StructureHandlerNotFoundError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise FormatError(f"not a {getattr(shape, '__name__', shape)}: {error}") from error


def dumps(value: object, *, indent: int | None = None) -> str:
    """Turn a typed value into JSON text, one line unless ``indent`` is given."""
    return dump_plain(to_json(value), indent=indent)


def dump_plain(data: JsonValue, *, indent: int | None = None) -> str:
    """Turn plain JSON data into text, ASCII only, so that no reader's locale matters. Raises ValueError for NaN."""
    if indent is None:
        return _COMPACT.encode(data)
    return json.dumps(data, ensure_ascii=True, allow_nan=False, indent=indent)


def loads(shape: type[T], text: str | bytes) -> T:
    """Read JSON text as a value of type ``shape``. Raises FormatError."""
    try:
        data: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}") from error
    return from_json(shape, data)


def _reason(error: BaseException, shape: type | None) -> str:
    """Why a value does not fit: our readers and the validators of the types say it better than cattrs does."""
    match error:
        case ValueError() | TypeError() if str(error):
            return str(error)
        case AttributeError():
            return "not of the expected form"
        case _:
            return format_exception(error, shape)


@lru_cache(maxsize=4)
def _converter(forms: TextForms = ()) -> Converter:
    converter = Converter(forbid_extra_keys=True, omit_if_default=False)
    converter.register_unstructure_hook(bytes, escape)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook(Secret, _refuse_secret)
    for shape, read in _READERS.items():
        converter.register_structure_hook(shape, _hook(shape, read))
    for form in forms:
        converter.register_unstructure_hook(form.shape, form.write)
        converter.register_structure_hook(form.shape, _form_hook(form))
    return converter


def _form_hook(form: TextForm[T]) -> Callable[[object, object], T]:
    return lambda data, _: form.read(data)


def _hook(shape: type, read: Callable[[object], object]) -> Callable[[object, Callable[[object], object]], object]:
    # cattrs gives subclasses (enums of text and numbers) to the hook of their base.
    def structure(data: object, wanted: Callable[[object], object]) -> object:
        value = read(data)
        if wanted is shape:
            return value
        try:
            return wanted(value)
        except ValueError as error:
            names = wanted if isinstance(wanted, type) and issubclass(wanted, Enum) else ()
            choices = ", ".join(str(each.value) for each in names)
            raise ValueError(f"{value!r} is none of: {choices}" if choices else str(error)) from error

    return structure


def _refuse_secret(_: Secret) -> Never:
    raise TypeError("a secret becomes no JSON unless it is revealed")


def _text(data: object) -> str:
    if not isinstance(data, str):
        raise TypeError(f"expected text, found {type(data).__name__}")
    return data


def _integer(data: object) -> int:
    if isinstance(data, bool) or not isinstance(data, int):
        raise TypeError(f"expected a whole number, found {type(data).__name__}")
    return data


def _number(data: object) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise TypeError(f"expected a number, found {type(data).__name__}")
    if not math.isfinite(data):
        raise ValueError("expected a number, found none")
    return float(data)


def _boolean(data: object) -> bool:
    if not isinstance(data, bool):
        raise TypeError(f"expected true or false, found {type(data).__name__}")
    return data


def _nothing(data: object) -> None:
    if data is not None:
        raise TypeError(f"expected nothing, found {type(data).__name__}")


def _time(data: object) -> datetime:
    value = datetime.fromisoformat(_text(data))
    if value.tzinfo is None:
        raise ValueError(f"{data} has no UTC offset")
    return value


_READERS: dict[type, Callable[[object], object]] = {
    bytes: lambda data: unescape(_text(data)),
    datetime: _time,
    str: _text,
    int: _integer,
    float: _number,
    bool: _boolean,
    type(None): _nothing,  # the result of functions that give none
}
