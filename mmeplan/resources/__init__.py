"""The kinds of resources, one file each: request, references, identity, and Describe answers made comparable."""

from mmeplan.resources.base import ApiPath, Reference, Resource
from mmeplan.resources.canonical import Canonical, canonical

__all__ = ["ApiPath", "Canonical", "Reference", "Resource", "canonical"]
