"""Sends files of responses as they are read, and says of each line that was refused why."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

from pipeline.emit.client import Emitter, Report
from pipeline.emit.readers import Entry, FileFormat, read_entries
from pipeline.emit.refusal import Refusal, ResponseRefusedError
from pipeline.errors import InputError
from pipeline.settings import Settings

STDIN: Final = Path("-")
LISTED: Final = 20
"""Refused lines told one by one; the rest only in the counts, or a bad file floods the terminal."""
_TURN: Final = 1_000
"""Entries read in one turn of the reading thread: enough that changing threads costs nothing."""

_EXTENSIONS: Final = {
    ".csv": FileFormat.CSV,
    ".jsonl": FileFormat.JSONL,
    ".ndjson": FileFormat.JSONL,
}


@dataclass(slots=True)
class FileReport:
    """What became of the files. `listed` holds the first refusals as `file:line: reason`; `bytes`
    were read so far, of `size` in all (None: not known, as for a pipe)."""

    lines: int = 0
    bytes: int = 0
    size: int | None = None
    listed: list[str] = field(default_factory=list)
    sending: Report = field(default_factory=Report)
    stopped: bool = False

    def refuse(self, place: str, refusal: Refusal) -> None:
        """Remember one refusal, if there is room."""
        if len(self.listed) < LISTED:
            self.listed.append(f"{place}: {refusal}")


def format_of(path: Path, form: FileFormat | None) -> FileFormat:
    """The format asked for, else what the extension says. Raises InputError when neither does."""
    found = form or _EXTENSIONS.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: is it CSV or JSON lines? say --format csv or --format jsonl")
    return found


async def emit_files(
    settings: Settings,
    paths: Sequence[Path],
    form: FileFormat | None,
    on_progress: Callable[[FileReport], None],
    stop: asyncio.Event,
) -> FileReport:
    """Send every line of every file, in order; `-` is standard input.

    Ends early when `stop` is set, with what was read so far sent.

    Raises InputError when a file cannot be read, KafkaError when there is no broker.
    """
    _refuse_absent(paths)
    report = FileReport(size=_size(paths))
    forms = [format_of(path, form) for path in paths]
    async with Emitter(settings) as emitter:
        for path, chosen in zip(paths, forms, strict=True):
            with _opened(path) as stream:
                await _emit_stream(emitter, path, stream, chosen, report, on_progress, stop)
        report.sending = await emitter.flush()
    report.stopped = stop.is_set()
    return report


async def _emit_stream(
    emitter: Emitter,
    path: Path,
    stream: BinaryIO,
    form: FileFormat,
    report: FileReport,
    on_progress: Callable[[FileReport], None],
    stop: asyncio.Event,
) -> None:
    name = "stdin" if path == STDIN else str(path)
    entries = read_entries(name, stream, form)
    before = report.bytes
    while not stop.is_set():
        turn = await _next_turn(entries, stop)
        if not turn:
            return
        for entry in turn:
            await _emit_entry(emitter, name, entry, report)
        report.lines += len(turn)
        if report.size is not None:
            report.bytes = before + stream.tell()
        report.sending = emitter.report()
        on_progress(report)


async def _emit_entry(emitter: Emitter, name: str, entry: Entry, report: FileReport) -> None:
    if isinstance(entry.content, Refusal):
        emitter.count_refusal(entry.content.reason)
        report.refuse(f"{name}:{entry.number}", entry.content)
        return
    try:
        await emitter.send(entry.content)
    except ResponseRefusedError as error:
        report.refuse(f"{name}:{entry.number}", error.refusal)


async def _next_turn(entries: Iterator[Entry | None], stop: asyncio.Event) -> list[Entry]:
    """The next entries, read on a thread so that sending goes on; empty at the end or when stopped.

    The thread is a daemon: a read from a silent pipe cannot be interrupted, and must not hold up
    the end of the program.
    """
    loop = asyncio.get_running_loop()
    turn: asyncio.Future[list[Entry]] = loop.create_future()

    def tell(entries: list[Entry], error: BaseException | None) -> None:
        if turn.cancelled():
            return
        if error is None:
            turn.set_result(entries)
        else:
            turn.set_exception(error)

    def read() -> None:
        result: list[Entry] = []
        fault: BaseException | None = None
        try:
            result = _take(entries)
        except BaseException as error:  # handed over to the loop, which raises it
            fault = error
        with suppress(RuntimeError):  # the loop is gone: stopped while this read was waiting
            loop.call_soon_threadsafe(tell, result, fault)

    threading.Thread(target=read, name="emit-reader", daemon=True).start()
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((turn, stopping), return_when=asyncio.FIRST_COMPLETED)
        return turn.result() if turn.done() else []
    finally:
        stopping.cancel()
        turn.cancel()


def _take(entries: Iterator[Entry | None]) -> list[Entry]:
    turn: list[Entry] = []
    for entry in entries:
        if entry is not None:
            turn.append(entry)
            if len(turn) == _TURN:
                break
        elif turn:
            break
    return turn


def _refuse_absent(paths: Sequence[Path]) -> None:
    """Raises InputError for a file that is not there, before anything of the others is sent."""
    for path in paths:
        try:
            if path != STDIN:
                path.stat()
        except OSError as error:
            raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot read it: {error.strerror}")


def _size(paths: Sequence[Path]) -> int | None:
    """All bytes there are to read, or None when one of the files is a pipe."""
    if all(path.is_file() for path in paths):
        return sum(path.stat().st_size for path in paths)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path == STDIN:
        # Unbuffered: Python aborts when it ends while a daemon thread holds a buffered stream.
        with open(0, "rb", buffering=0, closefd=False) as raw:
            yield cast(BinaryIO, raw)
        return
    try:
        stream = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None
    with stream:
        yield stream
