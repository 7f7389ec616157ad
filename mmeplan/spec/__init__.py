"""load: fleet.yaml → `Fleet`. YAML, expressions, defaults, for_each, types, the source map and the JSON Schema."""

from mmeplan.spec.document import FilePath, dotted
from mmeplan.spec.fleet import (
    Entry,
    Fleet,
    ForEach,
    IgnoredTags,
    Policy,
    Quota,
    Source,
    SourceMap,
    VariableFile,
    file_path,
)
from mmeplan.spec.loading import FleetFile, load, load_text
from mmeplan.spec.variable_files import read_variables

__all__ = [
    "Entry",
    "FilePath",
    "Fleet",
    "FleetFile",
    "ForEach",
    "IgnoredTags",
    "Policy",
    "Quota",
    "Source",
    "SourceMap",
    "VariableFile",
    "dotted",
    "file_path",
    "load",
    "load_text",
    "read_variables",
]
