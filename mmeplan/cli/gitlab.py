"""`mmeplan comment` in a job of GitLab CI: which merge request, which run, and what to do about a refusal.

Source: GitLab Docs, "Predefined CI/CD variables reference"; "CI/CD job token" (which may not write notes); "Project
access tokens".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from mmeplan.cloud import comments
from mmeplan.cloud.gitlab import GitLab, merge_request
from mmeplan.errors import CloudError, InputError, Problem

if TYPE_CHECKING:
    from mmeplan.live import Clock

HINT: Final = (
    "make a project access token with the scope `api` and the role Reporter, and the masked CI/CD variable "
    "GITLAB_TOKEN of it; a job's own token (CI_JOB_TOKEN) can't write notes"
)
"""How a job gets a token that may write."""


def is_here(environment: Mapping[str, str]) -> bool:
    """Whether this is a job of GitLab CI."""
    return environment.get("GITLAB_CI") == "true"


def connect(environment: Mapping[str, str], clock: Clock) -> GitLab:
    """The API that the job's variables name, with the project's token. Raises InputError."""
    token = environment.get("GITLAB_TOKEN", "")
    if not token:
        raise InputError([Problem("GITLAB_TOKEN isn't set", hint=HINT)])
    project_url = environment.get("CI_MERGE_REQUEST_PROJECT_URL", "")
    return GitLab(clock, token, environment.get("CI_API_V4_URL", ""), project_url)


def place(environment: Mapping[str, str], project: str | None, number: int | None) -> comments.Place:
    """The notes of the job's merge request, in the project that it is for. Raises InputError."""
    project = project or environment.get("CI_MERGE_REQUEST_PROJECT_ID", "")
    told = environment.get("CI_MERGE_REQUEST_IID", "")
    number = number or (int(told) if told.isascii() and told.isdecimal() else 0)
    if not project or not number:
        hint = "run it where CI_PIPELINE_SOURCE is merge_request_event, or say which: --repo PROJECT --pull-request IID"
        raise InputError([Problem("this is no merge request's pipeline", hint=hint)])
    return merge_request(project, number)


def run_of(environment: Mapping[str, str]) -> comments.Run:
    """The pipeline, and the commit of the branch that it plans; an attempt is a job, which has a new id each time.

    Its name stays: two jobs of one pipeline have two names, a parallel job `name 1/2`.
    """
    pipeline, job = (environment.get(name, "") for name in ("CI_PIPELINE_ID", "CI_JOB_ID"))
    if not (pipeline.isdecimal() and job.isdecimal()):
        return comments.Run()
    sha = environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or environment.get("CI_COMMIT_SHA", "")
    return comments.Run(int(pipeline), int(job), sha, environment.get("CI_JOB_NAME", ""))


def advice(error: CloudError) -> str:
    """What to do about a refusal, by its cause."""
    if error.status == 401:
        return "the token in GITLAB_TOKEN has expired or was revoked: rotate it, so that its notes are found again"
    if error.status in (403, 404):
        return f"the token may not write notes there: {HINT}"
    return "GitLab's words say why; run the job again once that is mended"
