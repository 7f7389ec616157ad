"""Images by name as text, for `mmeplan images`: all names, or the versions of one.

In: rows as plain texts. Out: text. Addresses are never broken, so that they can be copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mmeplan.render.style import finished, padded, paint, widths_of
from mmeplan.render.values import counted

_NEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image. `address` is empty where no region was asked for."""

    framework: str
    version: str
    processor: str
    py_version: str
    base: str
    address: str = ""


def names_text(rows: Iterable[ImageRow], *, color: bool = False) -> str:
    """Every framework and algorithm with its newest versions, and what they are built for."""
    of_name: dict[str, list[ImageRow]] = {}
    for row in rows:
        of_name.setdefault(row.framework, []).append(row)
    table = [("NAME", "NEWEST", "FOR")]
    for name, images in of_name.items():
        versions = list(dict.fromkeys(image.version for image in images))
        more = f" and {len(versions) - _NEWEST} more" if len(versions) > _NEWEST else ""
        newest = ", ".join(reversed(versions[-_NEWEST:])) + more
        table.append((name, newest, ", ".join(dict.fromkeys(image.processor for image in images))))
    what = f"{counted(len(of_name), 'name')}. `mmeplan images NAME` lists the versions of one."
    return _text(table, what, color)


def images_text(rows: Sequence[ImageRow], *, color: bool = False) -> str:
    """The images of one name, the newest first."""
    heads = ("VERSION", "FOR", "PYTHON", "BUILT ON", "ADDRESS")
    cells = [(row.version, row.processor, row.py_version, row.base, row.address) for row in reversed(rows)]
    shown = [at for at, _ in enumerate(heads) if any(row[at] for row in cells)]
    table = [tuple(row[at] for at in shown) for row in (heads, *cells)]
    what = "" if any(row.address for row in rows) else " `--region REGION` shows their addresses."
    return _text(table, f"{counted(len(rows), 'image')}.{what}", color)


def _text(table: Sequence[tuple[str, ...]], last: str, color: bool) -> str:
    widths = widths_of(table)
    lines = []
    for number, row in enumerate(table):
        cells = [padded(cell, width) for cell, width in zip(row, widths, strict=True)]
        lines.append(
            "  ".join(paint(cell, "bold" if not number or not at else "", color) for at, cell in enumerate(cells))
        )
    return finished("\n".join([*lines, "", last]))
