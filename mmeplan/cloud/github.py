"""GitHub's REST API, and who one is there.

Source: GitHub Docs, "Getting started with the REST API" (media type, API versions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
        graphql = self.url.removesuffix("/v3") + "/graphql"  # on a server of one's own: /api/v3 and /api/graphql
        body = self.call("POST", graphql, {"query": "query { viewer { login } }"}, again=True)
        try:
            return str(body["data"]["viewer"]["login"])
        except (KeyError, TypeError):
            return ""
