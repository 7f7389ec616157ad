"""The kinds of resources, one file each: request, references, identity, and Describe answers made comparable."""

from mmeplan.kinds.resource import ApiPath, Reference, Resource

__all__ = ["ApiPath", "Reference", "Resource"]
