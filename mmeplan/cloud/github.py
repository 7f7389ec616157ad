"""GitHub's REST API, and who one is there.

Source: GitHub Docs, "Getting started with the REST API" (media type, API versions).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mmeplan.cloud.rest import Rest, Service

if TYPE_CHECKING:
    from mmeplan.live import Clock

DEFAULT_URL: Final = "https://api.github.com"


class GitHub(Rest):
    """A client of GitHub, or of an Enterprise Server."""

    service = Service(
        name="GitHub",
        token_variable="GITHUB_TOKEN",  # noqa: S106 - the variable's name
        url_variable="GITHUB_API_URL",
        request_id="x-github-request-id",
        headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    )

    def __init__(self, clock: Clock, token: str, url: str = DEFAULT_URL) -> None:
        super().__init__(clock, token, url)

    def viewer(self) -> str:
        """The login that the token acts as; empty where GitHub doesn't say. Raises CloudError.

        REST's `/user` refuses a workflow's own token; GraphQL's `viewer` tells it as well.
        """
        body = self._graphql({"query": "query { viewer { login } }"})
        try:
            return str(body["data"]["viewer"]["login"])
        except (KeyError, TypeError):
            return ""

    def hide(self, comment: str) -> bool:
        """Hide a comment as outdated, by its node id; whether GitHub did. Raises CloudError.

        Source: GitHub Docs, "Mutations" (`minimizeComment`); "Managing disruptive comments" (write access is enough).
        """
        query = (
            "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) "
            "{ minimizedComment { isMinimized } } }"
        )
        body = self._graphql({"query": query, "variables": {"id": comment}})
        return isinstance(body, dict) and bool(body.get("data")) and not body.get("errors")

    def _graphql(self, content: Mapping[str, Any]) -> Any:
        graphql = self.url.removesuffix("/v3") + "/graphql"  # on a server of one's own: /api/v3 and /api/graphql
        return self.call("POST", graphql, content, again=True)
