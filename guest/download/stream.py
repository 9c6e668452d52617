"""The rest of a file from one source: what the source announces and begins with is judged before the bulk is read."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Callable

from guest.download.connection import Request
from guest.download.limits import Limits, RangeIgnoredError, SourceError, TooSlowError, WrongBytesError
from guest.download.part import Part
from guest.download.task import Task
from guest.download.watch import Watch
from guest.phrases import phrase

_BLOCK = 1 << 18
_HEADERS = {"User-Agent": "chatglm-bootstrap", "Accept-Encoding": "identity", "Connection": "close"}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml|error)\b", re.IGNORECASE)


def stream(url: str, part: Part, limits: Limits, context: ssl.SSLContext, watch: Watch) -> None:
    """Take from the source what the part still lacks; returns when the source has sent all that it has.

    Raises SourceError, OSError, `http.client.HTTPException` or ValueError for a source that gives no more.
    """
    task, start = part.task, part.task.done
    if task.size is not None and start == task.size:
        return
    headers = {**_HEADERS, "Range": f"bytes={start}-"} if start else _HEADERS
    with Request(url, headers, limits.timeout, context) as request, watch.over(request, task):
        try:
            response = request.open()
            if response.status == 416 and task.size is None:
                part.clear()  # longer than what the source has: a mix of two versions
            total = _announced(response, start, task)
            _copy(response, url, part, total)
        except (SourceError, OSError, http.client.HTTPException, ValueError) as error:
            if request.cut_off:
                raise TooSlowError(phrase("is too slow")) from error
            raise
        if request.cut_off:
            raise TooSlowError(phrase("is too slow"))


def _announced(response: http.client.HTTPResponse, start: int, task: Task) -> int | None:
    """Refuse before reading what cannot be the rest of this file; the file's total size if it is told."""
    if response.status not in (200, 206):
        raise SourceError(phrase("HTTP {status}", status=response.status))
    if start and response.status == 200:
        raise RangeIgnoredError(phrase("does not continue a broken download"))
    length = (response.getheader("Content-Length") or "").strip()
    if length and not (length.isascii() and length.isdecimal()):
        raise SourceError(phrase("announces a length of {length!r}", length=length[:40]))
    total = int(length) if length else None
    if response.status == 206:
        told = _RANGE.fullmatch(response.getheader("Content-Range", "").strip())
        if not told or int(told[1]) != start:
            raise SourceError(phrase("answers with another range"))
        total = int(told[2])
    if task.size is not None and total not in (None, task.size):
        raise WrongBytesError(phrase("has a file of {total} bytes instead of {size}", total=total, size=task.size))
    if total is not None and total > task.ceiling:
        raise WrongBytesError(
            phrase("has a file of {total} bytes; this one has some {estimate}", total=total, estimate=task.estimate)
        )
    return total


def _copy(response: http.client.HTTPResponse, url: str, part: Part, total: int | None) -> None:
    task = part.task
    end = task.size if total is None else total
    read: Callable[[int], bytes] = response.read1
    with part.appending() as out:
        while task.done <= task.ceiling and (end is None or task.done < end):
            block = read(_BLOCK)
            if not block:
                break
            if task.done == 0:
                _judge_beginning(block)
            part.givers.add(url)
            out.write(block if end is None else block[: end - task.done])
    if task.done > task.ceiling:
        part.clear()
        raise WrongBytesError(phrase("sends more than {ceiling} bytes", ceiling=task.ceiling))
    if end is not None and task.done < end:
        raise SourceError(phrase("broke off at {done} of {end} bytes", done=task.done, end=end))


def _judge_beginning(block: bytes) -> None:
    if block.startswith(_LFS_POINTER):
        raise WrongBytesError(phrase("has a Git LFS pointer in place of the file"))
    if _PAGE.match(block):
        raise WrongBytesError(phrase("answers with a web page"))
