"""GitLab's REST API: the notes of a merge request, as `comments` knows the comments of a pull request.

Sources: GitLab Docs, "Notes API" (merge requests), "Users API" (`GET /user`), "Predefined CI/CD variables reference".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mmeplan.cloud.comments import Place
from mmeplan.cloud.rest import Rest, Service

if TYPE_CHECKING:
    from mmeplan.live import Clock


class GitLab(Rest):
    """A client of GitLab. A note is given and taken as GitHub's comment: `user.login`, `html_url`, PATCH."""

    service = Service(
        name="GitLab",
        token_variable="GITLAB_TOKEN",  # noqa: S106 - the variable's name
        url_variable="CI_API_V4_URL",
        request_id="x-request-id",
    )

    def __init__(self, clock: Clock, token: str, url: str, project_url: str) -> None:
        """`project_url` is the project's address in a browser: the API doesn't tell that of a note."""
        super().__init__(clock, token, url)
        self._project_url = project_url

    def call(
        self, method: str, path: str, content: Mapping[str, Any] | None = None, *, again: bool | None = None
    ) -> Any:
        """As `Rest.call`; a change is GitLab's PUT."""
        return self._comment(super().call("PUT" if method == "PATCH" else method, path, content, again=again))

    def pages(self, path: str) -> Iterator[Any]:
        """As `Rest.pages`."""
        return map(self._comment, super().pages(path))

    def viewer(self) -> str:
        """The username of the token; that of a project access token is its bot's. Raises CloudError."""
        body = self.call("GET", "/user")
        return str(body.get("username") or "") if isinstance(body, dict) else ""

    def _comment(self, answer: Any) -> Any:
        author = answer.get("author") if isinstance(answer, dict) else None
        if not isinstance(author, dict):
            return answer
        url = f"{self._project_url}/-/merge_requests/{answer.get('noteable_iid')}#note_{answer.get('id')}"
        return {**answer, "user": {"login": author.get("username", "")}, "html_url": url}


def merge_request(project: str, number: int) -> Place:
    """The notes of a merge request. `project` is its id, or its path."""
    notes = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
    return Place(f"{notes}?order_by=created_at&sort=asc", notes, f"{notes}/{{id}}")
