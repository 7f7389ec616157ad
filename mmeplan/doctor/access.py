"""The way to AWS: proxies and CAs, region, endpoint, clock, credentials, account, lock.

In: `Surroundings`, an `Engine`, and the options of the run. Out: `CheckRow`s; nothing is raised for what is wrong.
Sources: IAM User Guide, "Troubleshoot signed requests for AWS APIs" (the refusal names five minutes);
boto3, "Credentials" (the order of providers) and "Configuration" (AWS_DEFAULT_REGION; AWS_REGION isn't read).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from mmeplan.aws.partitions import region_doubt
from mmeplan.cloud.surroundings import Heard, Keys, Surroundings
from mmeplan.doctor.installation import how_to_set_the_clock
from mmeplan.engine import Engine, FoundLock
from mmeplan.errors import CloudError, ConnectionFailedError, MmeplanError
from mmeplan.files import is_there
from mmeplan.render import CheckRow

SIGNED_S: Final = 300
"""By how much the clock may be off before AWS refuses a signature."""
_NOTICED_S: Final = 60
_SOON_S: Final = 3600  # an apply may take that long
_PROVIDERS: Final = {
    "env": "the environment (AWS_ACCESS_KEY_ID)",
    "shared-credentials-file": "the shared credentials file",
    "config-file": "the AWS configuration file",
    "assume-role": "a role that the profile assumes",
    "assume-role-with-web-identity": "a web identity token",
    "sso": "IAM Identity Center",
    "login": "aws login",
    "custom-process": "the profile's credential_process",
    "container-role": "the container",
    "iam-role": "the instance's role",
}
"""botocore's name of a provider → where the credentials come from."""
_SIGN_IN: Final = {"sso": "aws sso login", "login": "aws login"}

_USER: Final = re.compile(r"(?<=//)\S*@")  # of an address; up to the last @, since a password may hold / and @


def proxies(around: Surroundings, region: str) -> Iterator[CheckRow]:
    """By which proxy SageMaker is asked, and whose certificates are trusted."""
    url = "https://sagemaker.amazonaws.com"
    with suppress(MmeplanError):  # a URL that is none: the endpoint's own check tells
        url = around.endpoint("sagemaker", region) if region else url
    used = around.proxies(url).get(urlsplit(url).scheme)
    bundle, named_by = around.ca_bundle()
    said = f"SageMaker is asked through {without_user(used)}" if used else "no proxy"
    if not bundle:
        yield CheckRow("network", "ok", f"{said}; the CAs of botocore are trusted")
    elif is_there(bundle):
        yield CheckRow("network", "ok", f"{said}; the CAs of {bundle} are trusted ({named_by})")
    else:
        text = f"{named_by} names {bundle}, which isn't there: no certificate can be verified; {said}"
        unset = f"unset {named_by}" if named_by.isupper() else ""
        yield CheckRow("network", "error", text, unset)


def without_user(text: str) -> str:
    """A text without the users and passwords of the addresses in it; a text that is an address needs no scheme."""
    return _USER.sub("", text) if "//" in text or " " in text else text.rpartition("@")[2]


def region(around: Surroundings, name: str, given_by: str) -> CheckRow:
    """Whether there is such a region, and SageMaker in it."""
    unread = os.environ.get("AWS_REGION", "")
    if not name:
        text, hint = "no region is known: write `region:` in the fleet file, or pass --region", ""
        if unread:
            text = f"AWS_REGION says {unread}, which boto3 doesn't read, and no region is known otherwise"
            hint = f"export AWS_DEFAULT_REGION={unread}"
        return CheckRow("region", "error", text, hint)
    doubt = region_doubt(name)
    if doubt:
        return CheckRow("region", "error", f"{doubt} ({given_by})")
    if not around.has_sagemaker(name):
        return CheckRow("region", "warning", f"the installed botocore knows no SageMaker in {name} ({given_by})")
    if unread not in ("", name):
        text = f"{name} ({given_by}); AWS_REGION says {unread}, which boto3 doesn't read"
        return CheckRow("region", "warning", text)
    return CheckRow("region", "ok", f"{name} ({given_by})")


def endpoint(around: Surroundings, region: str, heard: Heard | MmeplanError | TimeoutError) -> CheckRow:
    """Whether SageMaker answers, where it is asked, and what says so."""
    try:
        asked, given_by = around.endpoint("sagemaker", region), around.endpoint_from()
        elsewhere = urlsplit(around.endpoint("sts", region)).hostname or ""
    except MmeplanError as error:
        return CheckRow("endpoint", "error", without_user(error.message), _unset(around.endpoint_from()))
    url = without_user(asked)
    shown = f"{url} ({given_by})" if given_by else url
    if not isinstance(heard, Heard):
        why = heard.message if isinstance(heard, MmeplanError) else "there was no answer in time"
        mended = _unset(given_by) if around.is_here(url) else _looked_for(url)
        return CheckRow("endpoint", "error", f"{shown} can't be reached: {without_user(why)}", mended)
    if not (heard.is_of_aws or around.is_here(url)):
        text = f"{shown} answers with {heard.status}, and not as AWS does: a proxy or a portal perhaps"
        return CheckRow("endpoint", "warning", text, f"curl -sS -m 10 -i {url}")
    if given_by and around.is_here(url) and not around.is_here(f"//{elsewhere}"):
        text = f"SageMaker is {shown}, and credentials are asked of AWS, {elsewhere}"
        return CheckRow("endpoint", "warning", text, f"export AWS_ENDPOINT_URL={url}")
    return CheckRow("endpoint", "ok", f"{shown} answers")


def _looked_for(url: str) -> str:
    return f"curl -sS -m 10 -o /dev/null {url}"


def _unset(given_by: str) -> str:
    return f"unset {given_by}" if given_by.isupper() else ""


def clock(heard: Heard | MmeplanError | TimeoutError) -> CheckRow:
    """This machine's clock against the Date of the endpoint's answer."""
    if not isinstance(heard, Heard) or heard.ahead_s is None:
        said = "there was no answer" if not isinstance(heard, Heard) else "the answer has no date"
        return CheckRow("clock", "skipped", f"{said} to hold the clock against")
    off = abs(heard.ahead_s)
    if off < _NOTICED_S:
        return CheckRow("clock", "ok", f"{off:.0f} s beside that of the answer" if off >= 1 else "agrees with AWS's")
    text = f"this machine's clock is {_span(off)} {'ahead of' if heard.ahead_s > 0 else 'behind'} AWS's"
    text = f"{text}; AWS refuses what is signed more than {SIGNED_S // 60} min off"
    return CheckRow("clock", "error" if off >= SIGNED_S else "warning", text, how_to_set_the_clock())


def credentials(around: Surroundings, found: Keys | MmeplanError | TimeoutError | None, now: datetime) -> CheckRow:
    """Where the credentials come from, and until when they last."""
    profile = around.profile
    chosen = f", profile {profile}" if profile else ""
    again = f"aws sso login{f' --profile {profile}' if profile else ''}"
    if found is None:
        return CheckRow("credentials", "error", f"boto3 finds none{chosen}", "export AWS_PROFILE=NAME")
    if isinstance(found, TimeoutError):
        return CheckRow("credentials", "error", f"nothing came of looking for them in time{chosen}")
    if isinstance(found, MmeplanError):
        signs_in = again if "SSO" in found.message or "sso" in found.message else "aws configure list"
        return CheckRow("credentials", "error", f"{without_user(found.message)}{chosen}", signs_in)
    source = f"of {_PROVIDERS.get(found.method, found.method)}{chosen}"
    if around.has_keys_beside_profile and found.method == "env":
        text = f"{source.partition(',')[0]}: they win over AWS_PROFILE={profile}"
        return CheckRow(
            "credentials", "warning", text, "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
        )
    if found.ends_at is None:
        return CheckRow("credentials", "ok", source)
    left_s = (found.ends_at - now).total_seconds()
    until = f"{found.ends_at:%Y-%m-%d %H:%M} UTC"
    sign_in = _SIGN_IN.get(found.method, "")
    if left_s <= 0:
        return CheckRow("credentials", "error", f"{source}; they ended at {until}", sign_in)
    if left_s < _SOON_S and found.method == "env":
        text = f"{source}, until {until}, in {_span(left_s)}: nothing renews them, and an apply may take longer"
        return CheckRow("credentials", "warning", text)
    return CheckRow("credentials", "ok", f"{source}, until {until} (in {_span(left_s)})")


def account(found: str, wanted: str | None, caller: str) -> CheckRow:
    """Whether the credentials are of the fleet's account."""
    if wanted and found != wanted:
        text = f"the fleet is bound to the account {wanted}, and {caller} is of {found}: use --profile, or -e"
        return CheckRow("account", "error", text, "aws configure list-profiles")
    bound = "as the fleet's file says" if wanted else "the fleet's file names none"
    return CheckRow("account", "ok", f"{found} ({bound}), as {caller}")


def no_identity(around: Surroundings, region: str, error: MmeplanError | TimeoutError) -> CheckRow:
    """Why nobody knows whose credentials these are."""
    try:
        url = without_user(around.endpoint("sts", region))
    except MmeplanError as wrong:
        return CheckRow("account", "error", without_user(wrong.message), _unset(around.endpoint_from()))
    if isinstance(error, (ConnectionFailedError, TimeoutError)):
        why = f": {without_user(error.message)}" if isinstance(error, ConnectionFailedError) else " in time"
        said = f"STS, which says whose credentials these are, doesn't answer{why}"
        return CheckRow("account", "error", said, _looked_for(url))
    return CheckRow(
        "account", "error", f"STS refuses the credentials: {without_user(str(error))}", "aws sts get-caller-identity"
    )


def lock(url: str, find: Callable[[], FoundLock | None], unlock: str) -> CheckRow:
    """Who holds the lock. `unlock` is the command that removes it."""
    try:
        found = find()
    except TimeoutError:
        return CheckRow("lock", "error", f"{url} can't be read: S3 doesn't answer in time")
    except CloudError as error:
        said = f"{url} can't be read: {without_user(str(error))}"
        if error.code in ("AccessDenied", "403"):
            text = f"{said}; without s3:ListBucket S3 says so of a lock that nobody holds, too"
            return CheckRow("lock", "warning", text)
        bucket = url.partition("//")[2].partition("/")[0]
        made = f"aws s3 mb s3://{bucket}" if error.code == "NoSuchBucket" else ""
        return CheckRow("lock", "error", said, made)
    except MmeplanError as error:
        return CheckRow("lock", "error", without_user(error.message), error.hint)
    if found is None:
        return CheckRow("lock", "ok", f"nobody holds {url}")
    held = f"{url} is held by {'; '.join(line.strip() for line in found.owner.splitlines())}"
    if not found.is_lock:
        return CheckRow("lock", "error", f"{held}: name another place")
    return CheckRow("lock", "warning", f"{held}. Wait for it; or, if that run is dead, remove it", unlock)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def identity(engine: Engine) -> tuple[str, str]:
    """Account and ARN of the caller. Raises CloudError."""
    answer = engine.reader.read("GetCallerIdentity", {})
    return str(answer["Account"]), str(answer["Arn"])
