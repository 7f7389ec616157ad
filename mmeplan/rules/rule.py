"""`Rule`: what a rule is. One small class per rule; everything that is not the rule's own question is the framework's.

A rule overrides the looks it needs (`model`, `container`, `config`, `variant`, `endpoint`, `expansion`, `fleet`) and
yields `(path, message)`, the path in API members from the entry on. `rules.checking` calls it only on subjects that
have one of its `members`, turns paths into file, line and column, applies `allow`, and survives the rule's crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.rules.facts import Config, Container, Endpoint, FleetFacts, Model, Variant
from mmeplan.spec import FilePath, Fleet, ForEach

Hit = tuple[ApiPath, str]
"""Where, in API members from the entry on (own keys and `tags` as in the file), and what, as a sentence."""

FleetHit = tuple[Resource, ApiPath, str]
"""A hit of a rule that looks at the whole fleet: it says whose it is."""

Basis = Literal["shape", "doc", "obs", "conf", "inf", "policy", "own"]
"""What a rule rests on: the request shape, AWS's documentation, observed answers of the service, documents that
contradict one another, inference, the policy of those who run the fleet (rules of other packages), or mmeplan's own
promises. An error is `doc` where a sentence of the documentation forbids what the rule finds (`Rule.quote`), and `obs`
where the answer by which the service refuses it is known (`Rule.source`); short of that it is `inf`."""

Stage = Literal["static", "plan", "online"]
"""What a rule needs: the file alone; what is live and the plan as well; or reads of other services."""

RESTATES_THE_API: Final = frozenset({"shape", "doc", "obs"})


class Constraints(NamedTuple):
    """The constraints of botocore's shapes that a rule stands for: what breaks one of them is found under its id.

    `shapes` are those of values, wherever they stand. `places` are (holder, member), where a shape is used in several.
    `missing` are (holder, member) that must be there, where that is not the rule of the value. `beneath` are members:
    everything in them that has no rule of its own.
    """

    shapes: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    beneath: tuple[str, ...] = ()


class Rule:
    """One rule. Subclasses set the attributes and override the looks they need.

    `why` and `fix` are sentences for the page and for `Finding.help`. `bad` and `good` are complete fleet files; in
    `bad` the line of the finding ends in `# here`; `also` are the ids of other rules that it can't but break as well,
    because AWS's own rules overlap there. `quote` is the sentence of the source on which an error of basis `doc` rests,
    word for word. `members` are the API members of which a subject must have one;
    none means: always look. `constraints` are of mmeplan's own rules alone.
    """

    id: str
    title: str
    severity: Literal["error", "warning", "note"]
    basis: Basis
    source: str
    why: str
    fix: str
    bad: str
    good: str
    also: tuple[str, ...] = ()
    quote: str = ""
    members: tuple[str, ...] = ()
    constraints: Constraints = Constraints()
    stage: Stage = "static"

    @property
    def lowerable(self) -> bool:
        """Whether `allow` may lower it: warnings and notes, and errors that don't restate the API's own constraints.

        What `allow` itself promises (basis `own`) can't be allowed away.
        """
        return self.basis != "own" and (self.severity != "error" or self.basis not in RESTATES_THE_API)

    def model(self, model: Model) -> Iterator[Hit]:
        """Look at a model."""
        return iter(())

    def container(self, container: Container) -> Iterator[Hit]:
        """Look at one container of a model; the path begins at the model's entry."""
        return iter(())

    def config(self, config: Config) -> Iterator[Hit]:
        """Look at an endpoint config."""
        return iter(())

    def variant(self, variant: Variant) -> Iterator[Hit]:
        """Look at one variant, production or shadow; the path begins at the config's entry."""
        return iter(())

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        """Look at an endpoint and the config it runs."""
        return iter(())

    def head(self, fleet: Fleet) -> Iterator[tuple[FilePath, str]]:
        """Look at what stands above the entries; the path is the file's."""
        return iter(())

    def expansion(self, entry: ForEach) -> Iterator[Hit]:
        """Look at an entry with `for_each`, whatever is made of it; the path has the keys of the file."""
        return iter(())

    def fleet(self, facts: FleetFacts) -> Iterator[FleetHit]:
        """Look at everything at once."""
        return iter(())


class ShapeRule(Rule):
    """A rule whose whole question is a request shape, which `rules.walking` asks. Its bounds are botocore's.

    Its constraints are those of the shape that it cites, where no others are given.
    """

    severity = "error"
    basis = "shape"
    why = (
        "The request shape says so. The service refuses the whole request with a ValidationException, and botocore "
        "checks neither maxima nor patterns nor enums before it sends."
    )

    def __init__(
        self,
        id: str,
        title: str,
        shape: str,
        *,
        bad: str,
        good: str,
        constraints: Constraints | None = None,
        fix: str = "Write what the message says the API takes.",
    ) -> None:
        self.id = id
        self.title = title
        self.source = f"botocore sagemaker/2017-07-24, shape {shape}"
        self.bad = bad
        self.good = good
        self.fix = fix
        self.constraints = Constraints(tuple(shape.split(", "))) if constraints is None else constraints
