"""The archives of an apply: written beneath the prefix, then the pointer, and at the end what goes.

    local file → PutObject                     If-None-Match: * on whatever creates a key; 412 → HeadObject, and the
    larger than PART_BYTES → multipart         same digest in its metadata is success: a run before this one wrote it
    object in S3 → CopyObject, or by parts     CopySourceIfMatch: the source is the one that the plan saw

In: a step with its rows, and ports. Out: a `Decision`. Plain calls, because boto3's TransferManager sends no condition
with an upload. The only place that writes archives.
Sources: the S3 user guide, "Prevent object overwrites with conditional writes", "Conditional deletes"; "Amazon S3
multipart upload limits" (a copy in one call takes 5 GB at most, a part 5 MiB at least, 10,000 parts).
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from mmeplan.apply.retrying import Backoff
from mmeplan.aws.failures import Failure, failure_of
from mmeplan.aws.s3 import s3_place
from mmeplan.diff.gathered import bytes_text
from mmeplan.errors import CloudError
from mmeplan.identity import Deployment
from mmeplan.kinds.artifacts import (
    DIGEST_MARK,
    FLEET_MARK,
    PRUNE,
    PUBLISH,
    UPLOAD,
    Transfer,
    is_archive,
    is_marked,
    marks,
    pointer_body,
)
from mmeplan.live import Answer, Clock, Reader, Writer
from mmeplan.live.gathering import listed, read_pointer
from mmeplan.live.sharing import sharers
from mmeplan.plan.step import Decision, Step
from mmeplan.spec.artifacts import is_beside
from mmeplan.spec.packing import PackingError, look_at, pack

TRANSFERS: Final = 8  # archives under way at once
PART_BYTES: Final = 32 * 1024 * 1024  # of a file that is sent by parts; what is smaller goes in one call
COPY_BYTES: Final = 5 * 1000**3  # what CopyObject takes at most; a part of a copy, too
MOST_PARTS: Final = 10_000
STEPS_TOLD: Final = 100  # times that progress is told, at most
LOOK_S: Final = 0.5  # seconds between two looks at archives under way, none of which ends
_PATIENCE: Final = Backoff(6, 1, 20)
_PASSING: Final = frozenset({Failure.THROTTLED, Failure.TRANSIENT, Failure.UNANSWERED})
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_OTHER: Final = frozenset({"412", "PreconditionFailed"})
_GONE: Final = "NoSuchUpload"  # also of one that was completed, where the answer was lost
_CONFLICT: Final = frozenset({"409", "ConditionalRequestConflict", "OperationAborted"})

Tell = Callable[[str], None]


class TransferError(Exception):
    """An archive that can't be written; the message is a sentence."""


class Transfers:
    """Carries out the steps of archives. `folder` is the one from which local sources are named."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        clock: Clock,
        folder: Path,
        *,
        at_once: int = 1,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._folder = folder
        self._at_once = at_once
        self._stopping = stopping

    def carry_out(self, step: Step, tell: Tell) -> Decision:
        """Write, publish or prune. Raises CloudError where S3 refuses, and KeyboardInterrupt."""
        try:
            return {UPLOAD: self._upload, PUBLISH: self._publish, PRUNE: self._prune}[step.operation](step, tell)
        except (TransferError, PackingError) as error:
            return Decision("fail", str(error))
        except OSError as error:
            return Decision("fail", f"{error.filename or 'a local source'} can't be read: {error.strerror or error}")

    # --- archives -----------------------------------------------------------------------------------------------------

    def _upload(self, step: Step, tell: Tell) -> Decision:
        rows = [Transfer.of(row) for row in step.params["Archives"]]
        progress = _Progress(rows, tell)
        owner = _owner(step)

        def write(one: Transfer) -> bool:
            where = {"Bucket": step.params["Bucket"], "Key": step.params["Key"] + one.key}
            return self._write(one, where, marks(owner, one.digest), progress)

        written = 0
        for made in self._all(write, rows, progress):
            written += made
            progress.ended()
        there = len(rows) - written
        return Decision("done", f"{written:,} written" + (f", {there:,} there already" if there else ""))

    def _all(self, write: Callable[[Transfer], bool], rows: Sequence[Transfer], progress: _Progress) -> Iterator[bool]:
        """What `write` says of each row as it ends. Progress is looked at now and then while none ends.

        Nothing new is started, no part either, once one has failed, or the user asked to stop.
        """
        if self._at_once < 2 or len(rows) < 2:
            for one in rows:
                self._go_on(progress)
                yield write(one)
            return
        waiting = iter(rows)
        running: set[Future[bool]] = set()
        pool = ThreadPoolExecutor(max_workers=min(self._at_once, len(rows)))
        try:
            while True:
                while len(running) < 2 * self._at_once and (further := next(waiting, None)) is not None:
                    self._go_on(progress)
                    running.add(pool.submit(write, further))
                if not running:
                    return
                ended, running = wait(running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
                if not ended:
                    progress.look()
                for future in ended:
                    yield future.result()
        finally:
            progress.over = True
            pool.shutdown(cancel_futures=True)

    def _go_on(self, progress: _Progress | None = None) -> None:
        if self._stopping() or (progress is not None and progress.over):
            raise TransferError("interrupted; what is written stays, and the next apply goes on from there")

    def _write(self, one: Transfer, where: Mapping[str, str], metadata: Mapping[str, str], progress: _Progress) -> bool:
        """Write one archive; False where it was there already."""
        try:
            if one.etag:
                self._copy(one, where, metadata, progress)
            else:
                self._send(one, where, metadata, progress)
        except CloudError as error:
            if error.code not in (*_OTHER, _GONE):
                raise
            if self._is_there(where, one.digest):
                return False
            if error.code == _GONE:
                raise
            if one.etag and self._head(where) is None:
                source = one.source
                raise TransferError(f"{source} was changed since the plan was made; plan again") from None
            text = f"s3://{where['Bucket']}/{where['Key']} holds something else, which is never overwritten"
            raise TransferError(f"{text}: put a version into `key`, or remove it") from None
        return True

    def _is_there(self, where: Mapping[str, str], content: str) -> bool:
        """Whether a key holds a source of this digest."""
        found = self._head(where)
        return found is not None and (found.get("Metadata") or {}).get(DIGEST_MARK) == content

    def _head(self, where: Mapping[str, str]) -> Answer | None:
        try:
            return self._reader.read("HeadObject", where)
        except CloudError as error:
            if error.code in _MISSING:
                return None
            raise

    # --- from here ----------------------------------------------------------------------------------------------------

    def _send(self, one: Transfer, where: Mapping[str, str], metadata: Mapping[str, str], progress: _Progress) -> None:
        with self._opened(one) as (stream, size):
            progress.grows(one, size)
            if size <= PART_BYTES:
                body = stream.read()
                self._call("PutObject", {**where, "Body": body, "Metadata": metadata, "IfNoneMatch": "*"})
                progress.add(size)
                return
            part_bytes = max(PART_BYTES, -(-size // MOST_PARTS))
            count, sha = -(-size // part_bytes), hashlib.sha256()

            def part(number: int, upload: str) -> str:
                self._go_on(progress)
                body = stream.read(part_bytes)
                sha.update(body)
                if number == count and one.size is not None:  # a file may have been written to since it was looked at
                    _check(one, sha.hexdigest())
                sent = {**where, "UploadId": upload, "PartNumber": number, "Body": body}
                etag = str(self._call("UploadPart", sent)["ETag"])
                progress.add(len(body))
                progress.look()
                return etag

            self._by_parts(where, metadata, count, part)

    @contextmanager
    def _opened(self, one: Transfer) -> Iterator[tuple[IO[bytes], int]]:
        """A local source as it is sent, and its bytes. Raises TransferError where it isn't what the plan saw."""
        path = self._folder / one.source
        if not is_beside(self._folder, one.source):
            raise TransferError(f"{one.source} lies outside of what a fleet file may read")
        if path.is_dir():
            with tempfile.SpooledTemporaryFile(PART_BYTES) as packed:
                found = pack(path, packed)
                _check(one, found)
                size = packed.tell()
                packed.seek(0)
                yield packed, size
            return
        if path.exists() and not path.is_file():  # opening a pipe would wait for a writer
            raise TransferError(f"{one.source} is neither file nor folder any more; plan again")
        with path.open("rb") as stream:
            body = stream.read(PART_BYTES + 1)
            if len(body) <= PART_BYTES:
                _check(one, hashlib.sha256(body).hexdigest())
                yield io.BytesIO(body), len(body)
                return
            seen = look_at(path)
            _check(one, seen.digest)
            stream.seek(0)
            yield stream, seen.size or 0

    def _by_parts(
        self, where: Mapping[str, str], metadata: Mapping[str, str], count: int, part: Callable[[int, str], str]
    ) -> None:
        """A multipart upload, completed only where the key is free; what was begun for nothing is aborted."""
        upload = str(self._call("CreateMultipartUpload", {**where, "Metadata": metadata})["UploadId"])
        try:
            etags = [part(number, upload) for number in range(1, count + 1)]
            parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
            done = {**where, "UploadId": upload, "MultipartUpload": {"Parts": parts}, "IfNoneMatch": "*"}
            self._call("CompleteMultipartUpload", done)
        except BaseException:
            with suppress(CloudError):
                self._writer.write("AbortMultipartUpload", {**where, "UploadId": upload})
            raise

    # --- from S3 ------------------------------------------------------------------------------------------------------

    def _copy(self, one: Transfer, where: Mapping[str, str], metadata: Mapping[str, str], progress: _Progress) -> None:
        bucket, key = s3_place(one.source)
        size = one.size or 0
        source = {"CopySource": {"Bucket": bucket, "Key": key}, "CopySourceIfMatch": one.etag}
        progress.grows(one, size)
        if size <= COPY_BYTES:
            sent = {**where, **source, "Metadata": metadata, "MetadataDirective": "REPLACE", "IfNoneMatch": "*"}
            self._call("CopyObject", sent)
            progress.add(size)
            return

        def part(number: int, upload: str) -> str:
            self._go_on(progress)
            first = (number - 1) * COPY_BYTES
            last = min(first + COPY_BYTES, size) - 1
            sent = {**where, **source, "UploadId": upload, "PartNumber": number}
            answer = self._call("UploadPartCopy", {**sent, "CopySourceRange": f"bytes={first}-{last}"})
            progress.add(last + 1 - first)
            progress.look()
            return str(answer["CopyPartResult"]["ETag"])

        self._by_parts(where, metadata, -(-size // COPY_BYTES), part)

    # --- the pointer --------------------------------------------------------------------------------------------------

    def _publish(self, step: Step, tell: Tell) -> Decision:
        """Write the pointer in the place of the one that the plan saw; never one that names what isn't there."""
        params, targets = step.params, dict(step.params["Targets"])
        there = {item["Key"] for item in listed(self._reader, params["Bucket"], params["Key"])}
        if gone := sorted(set(targets.values()) - there):
            return Decision("fail", f"{gone[0]} isn't beneath the prefix any more, so the pointer stays; plan again")
        where = {"Bucket": params["PointerBucket"], "Key": params["PointerKey"]}
        if params["ETag"] and self._is_others(where, _owner(step)):
            return Decision("fail", "another object, or another fleet's pointer, lies there, and stays; plan again")
        condition = {"IfMatch": params["ETag"]} if params["ETag"] else {"IfNoneMatch": "*"}
        body = pointer_body(targets)
        metadata = marks(_owner(step), hashlib.sha256(body).hexdigest())
        sent = {**where, "Body": body, "ContentType": "application/json", "Metadata": metadata, **condition}
        try:
            self._call("PutObject", sent)
        except CloudError as error:
            if error.code not in _OTHER | _MISSING:
                raise
            seen = read_pointer(self._reader, where["Bucket"], where["Key"])
            if seen is not None and seen["Targets"] == targets:
                return Decision("done", "says so already")
            return Decision("fail", "somebody else wrote the pointer since the plan was made; plan again")
        return Decision("done", f"names {len(targets):,}")

    def _is_others(self, where: Mapping[str, str], owner: Deployment) -> bool:
        """Whether what lies in the pointer's place is no pointer, or another deployment's."""
        found = read_pointer(self._reader, where["Bucket"], where["Key"])
        if found is None:
            return False
        if found["Targets"] is None or not all(map(is_archive, found["Targets"].values())):
            return True
        return bool(found["Marks"].get(FLEET_MARK)) and not is_marked(found["Marks"], owner)

    # --- what goes ----------------------------------------------------------------------------------------------------

    def _prune(self, step: Step, tell: Tell) -> Decision:
        """Delete what the plan says, but for what is another's by now, has changed, or is named by the pointer."""
        params, owner = step.params, _owner(step)
        if others := sharers(self._reader, owner, params["Bucket"], params["Key"]):
            return Decision("keep", f"the model {others[0]}, which isn't this fleet's, serves from there, too")
        named: set[str] = set()
        if params["PointerKey"]:
            seen = read_pointer(self._reader, params["PointerBucket"], params["PointerKey"])
            if seen is not None and seen["Targets"] is None:
                return Decision("keep", "nobody knows what clients call: the pointer is something else by now")
            named = set((seen or {}).get("Targets", {}).values())
        gone, kept = 0, 0
        for number, (key, etag) in enumerate(params["Archives"], start=1):
            self._go_on()
            where = {"Bucket": params["Bucket"], "Key": params["Key"] + key}
            found = self._head(where)
            if found is None:
                gone += 1
            elif key in named or found["ETag"] != etag or not is_marked(found.get("Metadata") or {}, owner):
                kept += 1
            elif self._deleted(where, etag):
                gone += 1
            else:
                kept += 1
            if number % 100 == 0:
                tell(f"{number:,} of {len(params['Archives']):,} looked at")
        said = f"{kept:,} stay: named by the pointer, changed, or another's by now" if kept else ""
        return Decision("keep" if kept and not gone else "done", f"{gone:,} gone" + (f"; {said}" if said else ""))

    def _deleted(self, where: Mapping[str, str], etag: str) -> bool:
        try:
            self._call("DeleteObject", {**where, "IfMatch": etag})
        except CloudError as error:
            if error.code in _MISSING:
                return True
            if error.code in _OTHER:
                return False
            raise
        return True

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """One write, again while its failure is one that passes: each has a condition, so that none is made twice."""
        attempt = 1
        while True:
            try:
                return self._writer.write(operation, params)
            except CloudError as error:
                passing = failure_of(error) in _PASSING or error.code in _CONFLICT
                if not passing or attempt >= _PATIENCE.attempts:
                    raise
            self._clock.sleep(_PATIENCE.pause_s(self._clock, attempt))
            attempt += 1


def _owner(step: Step) -> Deployment:
    return Deployment(step.params["Fleet"], step.params["Environment"])


def _check(one: Transfer, found: str) -> None:
    if found != one.digest:
        raise TransferError(f"{one.source} was changed since the plan was made; plan again")


class _Progress:
    """Bytes and archives that are written, told now and then by the thread that made it. Several threads add to it.

    `over`: nothing more is to be written, since one has failed.
    """

    def __init__(self, rows: Sequence[Transfer], tell: Tell) -> None:
        self._rows = len(rows)
        self._tell = tell
        self._lock = threading.Lock()
        self._thread = threading.get_ident()
        self._of = sum(one.size or 0 for one in rows)
        self._done = self._ended = 0
        self._told = (0, 0)
        self.over = False

    def grows(self, one: Transfer, size: int) -> None:
        """The bytes of a folder are known once it is packed."""
        if one.size is None:
            with self._lock:
                self._of += size

    def add(self, size: int) -> None:
        """So many bytes more are there."""
        with self._lock:
            self._done += size

    def ended(self) -> None:
        """An archive is there."""
        self._ended += 1
        self.look()

    def look(self) -> None:
        """Tell how much there is, where that is a hundredth more than was told. In other threads nothing."""
        if threading.get_ident() != self._thread:
            return
        with self._lock:
            done, of = self._done, max(self._of, self._done, 1)
        found = (100 * done // of, self._ended * STEPS_TOLD // self._rows)
        if found == self._told or (self._rows == 1 and done == of):
            return
        self._told = found
        count = f", {self._ended:,} of {self._rows:,} archives" if self._rows > 1 else ""
        self._tell(f"{found[0]} % of {bytes_text(of)}{count}")
