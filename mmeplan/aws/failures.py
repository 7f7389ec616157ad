"""What an error answer of the service means, decided in one place.

SageMaker declares only ResourceLimitExceeded for the hosting calls; everything else is a ValidationException whose
message has to be read. The table below holds the message beginnings that were observed, compared without regard to
case; ARNs and quotes in them are never looked at (they have changed over the years).

The simulated SageMaker builds its own refusals from the same beginnings.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from mmeplan.errors import CloudError

COULD_NOT_FIND: Final = "Could not find "
ALREADY_EXISTS: Final = "Cannot create already existing "
IN_PROGRESS: Final = "Cannot update in-progress "


class Failure(Enum):
    """The meanings that the engine acts on."""

    NOT_FOUND = "the object does not exist, or does not exist yet"
    EXISTS = "an object of that name exists already"
    BUSY = "the endpoint is creating, updating, rolling back or deleting"
    THROTTLED = "too many calls; the same call may be made again later"
    TRANSIENT = "the service failed; a read may be made again, a write must be looked up first"
    UNANSWERED = "there was no answer; a write may have had its effect"
    DENIED = "the caller lacks a permission"
    LIMIT = "a quota is used up"
    PROPAGATING = "a role or an object is not visible to SageMaker yet; the documented advice is to retry"
    INVALID = "the request itself is wrong"


# (code, beginning of the message, meaning). The first row that fits wins. Sources: docs/sagemaker.md, "Errors".
_BY_MESSAGE: Final = (
    ("ValidationException", COULD_NOT_FIND, Failure.NOT_FOUND),
    ("ValidationException", ALREADY_EXISTS, Failure.EXISTS),
    ("ValidationException", IN_PROGRESS, Failure.BUSY),
    ("ValidationException", "Could not access model data", Failure.PROPAGATING),
    ("ValidationException", "Could not assume role", Failure.PROPAGATING),
)

_BY_CODE: Final = {
    "ConnectionFailed": Failure.UNANSWERED,
    "ResourceNotFound": Failure.NOT_FOUND,
    "ResourceNotFoundException": Failure.NOT_FOUND,
    "ObjectNotFoundException": Failure.NOT_FOUND,
    "ConcurrentUpdateException": Failure.TRANSIENT,
    "FailedResourceAccessException": Failure.PROPAGATING,
    "LimitExceededException": Failure.LIMIT,
    "ResourceLimitExceeded": Failure.LIMIT,
    "AccessDenied": Failure.DENIED,
    "AccessDeniedException": Failure.DENIED,
    "UnauthorizedOperation": Failure.DENIED,
    "AuthorizationError": Failure.DENIED,
    "ExpiredToken": Failure.DENIED,
    "ExpiredTokenException": Failure.DENIED,
    "RequestExpired": Failure.DENIED,  # EC2's
    "AuthFailure": Failure.DENIED,  # EC2's, of credentials that are none
    "InvalidClientTokenId": Failure.DENIED,
    "UnrecognizedClientException": Failure.DENIED,
    "Throttling": Failure.THROTTLED,
    "ThrottlingException": Failure.THROTTLED,
    "ThrottledException": Failure.THROTTLED,
    "TooManyRequestsException": Failure.THROTTLED,
    "RequestLimitExceeded": Failure.THROTTLED,
    "InternalFailure": Failure.TRANSIENT,
    "InternalServerException": Failure.TRANSIENT,
    "InternalServiceException": Failure.TRANSIENT,
    "ServiceUnavailable": Failure.TRANSIENT,
    "ServiceUnavailableException": Failure.TRANSIENT,
    "NotImplemented": Failure.INVALID,  # S3's, with status 501: it stays so
}


NOT_VALID: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
    | {"RequestExpired", "AuthFailure"}
)
"""Codes of DENIED that are about the credentials themselves, not about what they permit."""

UNTRUSTED: Final = NOT_VALID | {
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "InvalidToken",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
"""Codes that say whose call it is, or when it was made, isn't believed: keys, tokens, signatures, clocks."""


def failure_of(error: CloudError) -> Failure:
    """What the error of a call means."""
    return classify(error.code, error.unmasked, error.status)


def classify(code: str, message: str, status: int = 400) -> Failure:
    """What an error answer means. `status` is the HTTP status, 0 where there was no answer."""
    lowered = message.lower()
    for wanted, beginning, meaning in _BY_MESSAGE:
        if code == wanted and lowered.startswith(beginning.lower()):
            return meaning
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status == 429:
        return Failure.THROTTLED
    return Failure.TRANSIENT if status >= 500 else Failure.INVALID
