"""Images that AWS publishes, by name: framework or algorithm, version and processor → the address in ECR.

In: image_uris.json, made by tests/images/make.py from what the SageMaker Python SDK's `image_uris.retrieve` answers
(sagemaker-core, Apache-2.0; NOTICE). Out: addresses, and the names that there are. The table is append-only: an address
that changed would roll the fleets that name it.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from mmeplan.aws.instances import GRAVITON, accelerator_of, family
from mmeplan.aws.partitions import dns_suffix

PROCESSORS: Final = ("cpu", "gpu", "graviton", "inf1", "neuronx")
"""What an image is built for. `neuronx` is Inferentia2 and Trainium, `inf1` the first Inferentia."""

ANY: Final = "any"
"""The processor of an image that is the same for all of them but Graviton's, which needs an arm64 image."""

_SHOWN: Final = 5  # of many versions, the newest

_BY_ACCELERATOR: Final = {"nvidia": "gpu", "inf1": "inf1", "neuronx": "neuronx", "none": "cpu"}


class ImageError(Exception):
    """No address for an image by name. `member` is the key that is wrong, empty for the whole; `hint` what to write."""

    def __init__(self, message: str, hint: str = "", member: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.member = member


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image of the table. `accounts` are those of its registry by region, `image` is its repository and tag."""

    framework: str
    version: str
    processor: str
    py_version: str
    base_framework_version: str
    image: str
    accounts: Mapping[str, str]

    @property
    def words(self) -> str:
        """`pytorch 2.6.0, gpu, py312`."""
        of_what = self.processor if self.processor != ANY else ""
        return ", ".join(
            part
            for part in (f"{self.framework} {self.version}", of_what, self.py_version, self.base_framework_version)
            if part
        )

    def address(self, region: str) -> str:
        """Its address in a region. Raises ImageError where it has no registry there."""
        if region not in self.accounts:
            hint = f"mmeplan images {self.framework} --format json lists the regions of each image"
            raise ImageError(f"{self.words} has no registry in {region}", hint)
        return f"{self.accounts[region]}.dkr.ecr.{region}.{dns_suffix(region)}/{self.image}"


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("image_uris.json").read_bytes())
    return table


def algorithms() -> tuple[str, ...]:
    """The built-in algorithms, whose images have one version."""
    return tuple(_table()["algorithms"])


def frameworks() -> tuple[str, ...]:
    """What else has images for inference."""
    return tuple(sorted(_table()["images"].keys() - {*algorithms()}))


def images(framework: str) -> Iterator[NamedImage]:
    """The images of a framework or an algorithm, the oldest version first."""
    registries, versions = _table()["registries"], _table()["images"].get(framework, {})
    for version in sorted(versions, key=_by_number):
        rows = versions[version]
        for key, (image, accounts) in rows.items():
            processor, _, rest = key.partition(" ")
            python, _, base = rest.partition(" ") if rest.startswith("py") and " " in rest else (rest, "", "")
            yield NamedImage(framework, version, processor, python, base, image, registries[accounts])


def _by_number(version: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.-]", version))


@lru_cache(maxsize=1)
def _by_address() -> Mapping[tuple[str, str], NamedImage]:
    """(Account, repository and tag) → the image; of several names of one image the first."""
    found: dict[tuple[str, str], NamedImage] = {}
    for framework in (*frameworks(), *algorithms()):
        for named in images(framework):
            for account in set(named.accounts.values()):
                found.setdefault((account, named.image), named)
    return found


def name_at(address: str) -> str:
    """What is at an address, `pytorch 2.6.0, gpu, py312`; empty where the table doesn't have it."""
    registry, _, image = address.partition("/")
    account, dot, _ = registry.partition(".dkr.ecr.")
    named = _by_address().get((account, image)) if dot else None
    return named.words if named else ""


def processor_of(instance_type: str) -> str:
    """The processor that an image for this instance type is built for; empty for what isn't a type."""
    accelerator = accelerator_of(instance_type)
    if accelerator == "none" and family(instance_type) in GRAVITON:
        return "graviton"
    return _BY_ACCELERATOR.get(accelerator or "", "")


def resolve(name: Mapping[str, str], region: str | None, processors: frozenset[str]) -> str:
    """The address of the image that `name` names: `framework` or `algorithm`, and what makes it one of several.

    `processors` are those of the instance types that run it. Raises ImageError with what to write.
    """
    named = _named(name, processors)
    if not region:
        raise ImageError("the region isn't known, and an image's address has one", "write `region:`, or pass --region")
    return named.address(region)


def _named(name: Mapping[str, str], processors: frozenset[str]) -> NamedImage:
    found = list(images(_framework(name)))
    found = _narrowed(found, "version", _version(name, found))
    found = _narrowed(found, "base_framework_version", name.get("base_framework_version", ""))
    found = _narrowed(found, "py_version", name.get("py_version", ""))
    wanted = {name["processor"]} if name.get("processor") else processors
    fits = [image for image in found if wanted and all(_runs_on(image, processor) for processor in wanted)]
    if len(fits) == 1:
        return fits[0]
    if not wanted and len(found) == 1:
        return found[0]
    raise _unfit(found, name.get("processor", ""), processors)


def _runs_on(image: NamedImage, processor: str) -> bool:
    return image.processor == processor or (image.processor == ANY and processor != "graviton")


def _unfit(found: list[NamedImage], asked: str, processors: frozenset[str]) -> ImageError:
    """Why none, or more than one, of these images is meant."""
    what = f"{found[0].framework} {found[0].version}"
    built = [image.processor if image.processor != ANY else "all but graviton" for image in found]
    if asked:
        return ImageError(f"{what} has no image for {asked}", f"there are those for {', '.join(built)}", "processor")
    if len(processors) > 1 and all(any(_runs_on(image, one) for image in found) for one in processors):
        text = f"its variants run on {' and '.join(sorted(processors))}, which need an image each"
        return ImageError(f"{what}: {text}", "write a model for each, or `processor:` where one image serves all")
    if processors:
        text = f"{what} has no image for {' and '.join(sorted(processors))}, on which its variants run"
        return ImageError(text, f"there are those for {', '.join(built)}: choose another instance type or framework")
    text = f"{what}: no variant of the file says what it runs on"
    return ImageError(text, f"write processor: one of {', '.join(built)}")


def _framework(name: Mapping[str, str]) -> str:
    """The key of the table. Raises ImageError."""
    if ("framework" in name) == ("algorithm" in name):
        raise ImageError("an image by name has either `framework` or `algorithm`", "write one of them")
    member, known = ("algorithm", algorithms()) if "algorithm" in name else ("framework", frameworks())
    asked = name[member]
    if asked in known:
        return asked
    other = "framework" if member == "algorithm" else "algorithm"
    if asked in _table()["images"]:
        raise ImageError(f"{asked!r} is no {member}", f"write {other}: {asked}", member)
    close = difflib.get_close_matches(asked, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "mmeplan images lists them"
    raise ImageError(f"there is no {member} {asked!r} among AWS's images for inference", hint, member)


def _version(name: Mapping[str, str], found: list[NamedImage]) -> str:
    """The exact version. Raises ImageError: an alias would stand for another image tomorrow."""
    framework, asked = found[0].framework, name.get("version", "")
    known = list(dict.fromkeys(image.version for image in found))
    if not asked:
        if len(known) == 1:
            return known[0]
        newest = f"write version: one of {', '.join(known[-_SHOWN:])}"
        more = f"; mmeplan images {framework} lists all" if len(known) > _SHOWN else ""
        raise ImageError(f"{framework} has several versions", newest + more)
    exact = _table()["aliases"].get(framework, {}).get(asked)
    if asked not in known and exact in known:
        text = f"{asked!r} is an alias, and stands for another image once AWS publishes one"
        raise ImageError(text, f'write version: "{exact}"', "version")
    if asked not in known:
        close = difflib.get_close_matches(asked, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"mmeplan images {framework} lists them"
        raise ImageError(f"{framework} has no version {asked!r}", hint, "version")
    return asked


def _narrowed(found: list[NamedImage], member: str, asked: str) -> list[NamedImage]:
    """Those of this value; where none is asked for, there must be one. Raises ImageError."""
    known = list(dict.fromkeys(str(getattr(image, member)) for image in found))
    chosen = [image for image in found if getattr(image, member) == asked]
    if chosen:
        return chosen
    if not asked and len(known) == 1:
        return found
    what = f"{found[0].framework} {found[0].version}" if member != "version" else found[0].framework
    choices = ", ".join(value for value in known if value)
    if not choices:
        raise ImageError(f"{what} has no `{member}`", f"drop `{member}`", member)
    problem = f"has no {member} {asked!r}" if asked else f"has several values of `{member}`"
    raise ImageError(f"{what} {problem}", f"write {member}: {choices}", member)
