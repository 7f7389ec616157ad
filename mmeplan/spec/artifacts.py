"""`artifacts:` of a model: the archives beneath its prefix, from a table, a mapping or a glob.

In: the member as written, and the names that its expressions may use. Out: `Declared`, with the digest of every local
source. Sources in S3 aren't asked here: their digest is a hole in the key until what is live is observed.
"""

from __future__ import annotations

import hashlib
import os
from collections import ChainMap, Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mmeplan.aws.s3 import s3_place
from mmeplan.kinds.artifacts import DIGEST, DIGEST8, MOST_POINTER, SUFFIX, VERSION, Archive, Declared, pointer_body
from mmeplan.spec.document import FilePath
from mmeplan.spec.expressions import MARK, ExpressionError, evaluate_text
from mmeplan.spec.for_each import MAX_ITEMS, ForEachError, ItemFiles, Items, file_of, items_of, shared_folder
from mmeplan.spec.packing import Packed, PackingError, look_at
from mmeplan.spec.problems import Refusals

DEFAULT_KEY: Final = "{{ each.key }}/{{ source.digest8 }}" + SUFFIX
DEFAULT_SOURCE: Final = "{{ each.value.source }}"
MOST_KEY: Final = 1024  # characters; Source: sagemaker-runtime, TargetModelHeader; S3's keys have as many bytes
MOST_KEPT: Final = 100_000  # generations, or days: 270 years
_EXAMPLE: Final = "for_each: {berlin: s3://acme-archives/berlin.tar.gz, paris: ./paris/}"
_HOLES: Final = (DIGEST, DIGEST8, VERSION)
_SAMPLE: Final = hashlib.sha256(b"a digest").hexdigest()


class ArtifactsReader:
    """Reads the `artifacts:` of one fleet file's models; what is wrong goes to `refusals`.

    Without `looks` local sources aren't read: their digests are empty, and a glob may fit nothing.
    """

    def __init__(self, files: ItemFiles, refusals: Refusals, *, looks: bool = True) -> None:
        self._looks = looks
        self._files = files
        self._folder = files.folder
        self._refusals = refusals
        self._seen: dict[str, Packed | str] = {}

    def read(self, written: Mapping[str, Any], path: FilePath, names: Mapping[str, Any]) -> Declared:
        """What the member says; `path` is where it stands."""
        refuse = self._refusals.refuse
        head = {key: written.get(key) for key in ("membership", "publish", "keep", "for_each", "allow_empty")}
        failures: list[FilePath] = []
        made = self._refusals.evaluated(head, path, names, failures)
        if failures:
            return Declared(())
        keep, publish = made["keep"] or {}, made["publish"]
        place = s3_place(publish) if isinstance(publish, str) else ("", "")
        if publish and not (all(place) and str(publish).startswith("s3://") and not place[1].endswith("/")):
            hint = "write publish: s3://BUCKET/KEY, such as s3://acme-config/prices/targets.json"
            refuse(f"{publish!r} is not a place for the pointer", (*path, "publish"), hint)
        if len(place[1].encode()) > MOST_KEY or not place[1].isprintable():
            refuse(f"{publish!r} is no key that S3 takes", (*path, "publish"), f"at most {MOST_KEY} bytes, printable")
        if place[1].endswith(SUFFIX):
            refuse("the pointer can't have the key of an archive", (*path, "publish"), "end it in .json")
        for member in ("generations", "days"):
            number = keep.get(member) if isinstance(keep, dict) else None
            if isinstance(number, (int, float)) and number < 0:
                refuse(f"keep.{member} can't be negative", (*path, "keep", member))
            if isinstance(number, (int, float)) and number > MOST_KEPT:
                refuse(f"keep.{member} can't be more than {MOST_KEPT:,}", (*path, "keep", member))
        archives = [
            one
            for key, value in self._items(made["for_each"], (*path, "for_each"))
            if (one := self._archive(key, value, written, path, names)) is not None
        ]
        self._refuse_twice(archives, path)
        if place[0] and (size := _pointer_bytes(archives)) > MOST_POINTER:
            text = f"the pointer of {len(archives):,} archives would have {size:,} bytes, and {MOST_POINTER:,} are read"
            refuse(text, (*path, "publish"), "shorten the keys, or spread the archives over several models")
        generations, days = (keep.get("generations"), keep.get("days")) if isinstance(keep, dict) else (None, None)
        return Declared(
            tuple(sorted(archives, key=lambda one: one.name)),
            place,
            generations if isinstance(generations, int) else 1,
            days if isinstance(days, (int, float)) else 7,
            made["membership"] == "closed",
            file_of(made["for_each"]),
            made["allow_empty"] is True,
            not self._looks,
        )

    # --- the table ----------------------------------------------------------------------------------------------------

    def _items(self, value: Any, path: FilePath) -> Items:
        if value is None:
            self._refusals.refuse("artifacts has no for_each: it says which archives there are", path[:-1], _EXAMPLE)
            return []
        try:
            if isinstance(value, dict) and set(value) == {"glob"} and isinstance(value["glob"], str):
                return self._globbed(value["glob"])
            with self._refusals.bounded(path):
                return items_of(value, self._files)
        except ForEachError as error:
            self._refusals.refuse(f"for_each: {error}", path)
            return []

    def _globbed(self, pattern: str) -> Items:
        """Each path that fits, by its name without `.tar.gz`.

        As in a shell, `*` passes over names that begin with a dot: `.git` and `.ipynb_checkpoints` aren't models.
        """
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ForEachError(f"{pattern!r} must lead downwards from the fleet file's folder")
        try:
            fitting = [path.relative_to(self._folder) for path in self._folder.glob(pattern)]
        except ValueError as error:
            raise ForEachError(f"{pattern!r} is no pattern: {error}") from None
        hidden = [part for part in Path(pattern).parts if part.startswith(".")]
        found = sorted(path.as_posix() for path in fitting if path.parts and (hidden or not _is_hidden(path)))
        if not found and self._looks:
            raise ForEachError(f"nothing fits {pattern!r}")
        if len(found) > MAX_ITEMS:
            raise ForEachError(f"more than {MAX_ITEMS:,} items fit {pattern!r}")
        keys = [Path(path).name.removesuffix(SUFFIX) for path in found]
        if twice := next((key for key, times in Counter(keys).items() if times > 1), ""):
            raise ForEachError(f"two paths that fit {pattern!r} have the name {twice!r}")
        return [(key, {"source": Path(path).as_posix()}) for key, path in zip(keys, found, strict=True)]

    # --- one archive --------------------------------------------------------------------------------------------------

    def _archive(
        self, key: str, value: Any, written: Mapping[str, Any], path: FilePath, names: Mapping[str, Any]
    ) -> Archive | None:
        if any(hole in f"{key}{value}{written.get('key')}" for hole in _HOLES):
            self._refusals.refuse(f"{key!r}: control characters can't be part of a key", (*path, "for_each"))
            return None
        each = ChainMap({"each": {"key": key, "value": value}}, dict(names))
        template = written.get("source")
        if template is None:
            template = "{{ each.value }}" if isinstance(value, str) else DEFAULT_SOURCE
        source = self._text(template, (*path, "source"), each)
        version = value.get("version") if isinstance(value, dict) else None
        version = "" if version is None else str(version)
        parts = {"digest": DIGEST, "digest8": DIGEST8, **({"version": VERSION} if version else {})}
        place, key_template = (*path, "key"), written.get("key") or DEFAULT_KEY
        of_key = {"key": key, "value": {**value, "version": VERSION} if version and isinstance(value, dict) else value}
        names_of_key = ChainMap({"source": parts, "each": of_key}, each)
        form = self._text(key_template, place, names_of_key, "a `version` column gives one")
        if not source or not form:
            return None
        if wrong := self._changed(form, key_template, version, each, place):
            self._refusals.refuse(f"the key of {key!r} {wrong}", place, DEFAULT_KEY)
            return None
        if wrong := _wrong_key(form.replace(VERSION, version)):
            self._refusals.refuse(f"the key of {key!r} {wrong}: {_shown(form, version)!r}", place, DEFAULT_KEY)
            return None
        if source.startswith("s3://"):
            bucket, name = s3_place(source)
            if not bucket or not name.endswith(SUFFIX):
                self._refuse_source(key, source, "is not the address of a .tar.gz", path)
                return None
            return Archive(key, source, form, version)
        found = self._local(source)
        if isinstance(found, str):
            self._refuse_source(key, source, found, path)
            return None
        return Archive(key, source, form, version, found.digest, found.size)

    def _changed(self, form: str, template: Any, version: str, each: Mapping[str, Any], place: FilePath) -> str:
        """What a template does with digest or version that couldn't be found again in a listing."""
        if VERSION in form and "/" in version:
            return f"has the version {version!r} in it, which holds a slash: older ones couldn't be told from others"
        if isinstance(template, str) and any(sign in template for sign in "|[(~"):
            parts = {"digest": _SAMPLE, "digest8": _SAMPLE[:8], **({"version": version} if version else {})}
            filled = form.replace(DIGEST, _SAMPLE).replace(DIGEST8, _SAMPLE[:8]).replace(VERSION, version)
            if self._text(template, place, ChainMap({"source": parts}, dict(each))) != filled:
                return "changes a digest or version: they can only stand in it as they are"
        return ""

    def _refuse_source(self, key: str, source: str, why: str, path: FilePath) -> None:
        hint = "s3://BUCKET/KEY.tar.gz, a local .tar.gz or a folder, beside the fleet file or below it"
        self._refusals.refuse(f"the source of {key!r}, {source!r}, {why}", (*path, "source"), hint)

    def _text(self, template: Any, path: FilePath, names: Mapping[str, Any], hint: str = "") -> str:
        made: Any = template
        if isinstance(template, str) and MARK in template:
            try:
                with self._refusals.bounded(path):
                    made = evaluate_text(template, names, self._refusals.budget)
            except ExpressionError as error:
                self._refusals.refuse_expression(str(error), path, template, names)
                return ""
        if not isinstance(made, (str, int, float)) or isinstance(made, bool) or made == "":
            self._refusals.refuse("expected a text", path, hint)
            return ""
        return str(made)

    def _local(self, source: str) -> Packed | str:
        """Digest and size of a local source, looked at once; or why it can't be one."""
        if source not in self._seen:
            self._seen[source] = self._looked_at(source)
        return self._seen[source]

    def _looked_at(self, source: str) -> Packed | str:
        if not self._files.is_of_folder:  # the file of another branch, whose sources aren't here
            return Packed("0" * 64)
        if not self._looks:
            return Packed("")
        path = self._folder / source
        if not is_beside(self._folder, source):
            return "must lie beside the fleet file, below it, or elsewhere in its git repository"
        if Path(os.path.realpath(self._folder)).is_relative_to(os.path.realpath(path)):
            return "holds the fleet file: put the archive's files into a folder of their own"
        try:
            if not path.is_dir() and not source.endswith(SUFFIX):
                return f"is no folder, and doesn't end in {SUFFIX}" if path.exists() else "isn't there"
            return look_at(path)
        except PackingError as error:
            return f"can't be an archive: {error}"
        except (OSError, ValueError) as error:
            return f"can't be read: {getattr(error, 'strerror', '') or error}"

    def _refuse_twice(self, archives: list[Archive], path: FilePath) -> None:
        """Two logical keys under one key: ART-04 of the catalogue."""
        first: dict[tuple[str, str, str], str] = {}
        for one in archives:
            at = (one.form, one.version, one.digest or one.source) if one.needs_digest else (one.form, one.version, "")
            if at in first:
                text = f"{first[at]!r} and {one.name!r} would have the same key, {_shown(one.form, one.version)!r}"
                self._refusals.refuse(text, (*path, "key"), "use {{ each.key }} in it")
            first.setdefault(at, one.name)


def _pointer_bytes(archives: list[Archive]) -> int:
    """The bytes of the pointer to these archives: a digest that isn't known yet is as long as each other one."""
    return len(pointer_body({one.name: one.key(one.digest or "0" * 64) for one in archives}))


def is_beside(folder: Path, source: str) -> bool:
    """Whether a local source lies where a fleet file may read: beside it, below, or in its git repository."""
    if "\0" in source or Path(source).is_absolute():
        return False
    return Path(os.path.realpath(folder / source)).is_relative_to(shared_folder(Path(os.path.realpath(folder))))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _shown(form: str, version: str) -> str:
    return form.replace(DIGEST, "DIGEST").replace(DIGEST8, "DIGEST8").replace(VERSION, version)


def _wrong_key(key: str) -> str:
    """What is wrong with a key beneath the prefix. Sources: ART-01 to ART-03 of the catalogue."""
    if not key.endswith(SUFFIX):
        return f"doesn't end in {SUFFIX}"
    if len(key) + 64 > MOST_KEY:
        return f"is longer than {MOST_KEY} characters"
    bare = key.translate({ord(hole): "0" for hole in _HOLES})
    if not bare.isprintable() or not bare.isascii() or bare[:1].isspace():
        return "holds what a TargetModel can't: it is printable ASCII"
    if any(part in ("", ".", "..") for part in bare.split("/")):
        return "has an empty part, or leads out of the prefix"
    return ""
