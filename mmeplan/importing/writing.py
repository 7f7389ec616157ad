"""write: a draft as the text of a fleet file. PyYAML's emitter writes every value; comments go between the entries.

In: `Draft`. Out: text that `spec.load` reads back as exactly these values, whatever the texts in them are.
"""

from __future__ import annotations

import textwrap
from typing import Any, Final

import yaml

from mmeplan.importing.drafting import Draft, Entry
from mmeplan.spec.scalars import plain_scalar

WIDTH: Final = 1_000_000  # columns: nothing is folded, an image or a URL stays on its line
COMMENT_WIDTH: Final = 100
_BREAKS: Final = frozenset("\r\x85\u2028\u2029\ufeff")  # what YAML 1.1 and 1.2 don't agree on inside a block


class _Dumper(yaml.SafeDumper):
    """Texts that YAML 1.2 would read as something else are quoted; those of several lines stand as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))


def _style(value: str) -> str | None:
    if _BREAKS & set(value) or not all(character.isprintable() or character in "\n\t" for character in value):
        return '"'
    if "\n" in value:
        lines = value.split("\n")
        plain = all(line.strip() == line.rstrip() or line.strip() for line in lines)
        return "|" if plain and lines[0].strip() and not any(line != line.rstrip() for line in lines) else '"'
    return "'" if "\t" not in value and not isinstance(plain_scalar(value), str) else '"' if "\t" in value else None


_Dumper.add_representer(str, _text)


def yaml_text(draft: Draft) -> str:
    """The whole file."""
    head: Entry = {"version": 1, "fleet": draft.fleet, "account": draft.account, "region": draft.region}
    parts = [_header(draft), _dumped({key: value for key, value in head.items() if value})]
    sections = (("models", draft.models), ("endpoint_configs", draft.configs), ("endpoints", draft.endpoints))
    for section, entries in sections:
        if entries:
            parts.append(f"\n{section}:\n" + "\n".join(_entry(draft, section, name, entries[name]) for name in entries))
    return "".join(parts)


def _header(draft: Draft) -> str:
    return _comment(
        f"Written by `mmeplan import` from what was live on {draft.observed_at[:10]}.",
        "`name:` pins what is live, `adopt: true` takes it under management: the first apply adds mmeplan's tags and "
        "changes nothing else. Once it is applied, `adopt:` may go.",
        "A model or config can't be changed under its name. To change one, remove its `name:` and `adopt:` lines with "
        "the edit: the new content gets a new name, and its endpoints are swapped to it.",
    )


def _comment(*sentences: str, indent: str = "") -> str:
    """Lines of comment. What can't be printed could end a line and begin a key: it becomes a question mark."""
    sentences = tuple("".join(c if c.isprintable() else "?" for c in sentence) for sentence in sentences)
    width = COMMENT_WIDTH - len(indent) - 2
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, width, break_long_words=False)]
    return "".join(f"{indent}# {line}\n" for line in lines)


def _entry(draft: Draft, section: str, name: str, entry: Entry) -> str:
    comment = _comment(*draft.comments.get((section, name), ()), indent="  ")
    lines = _dumped({name: entry}).split("\n")
    return comment + "\n".join(f"  {line}" if line else line for line in lines)


def _dumped(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text
