"""Things done at the same time, of which none outlives the others' failure."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def all_of(*work: Coroutine[object, object, None]) -> None:
    """All at the same time; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancelled(*tasks)


async def beside(
    work: Coroutine[object, object, T], *keepers: Coroutine[object, object, None]
) -> T:
    """Do `work` while the keepers, which have no end, run; a keeper's failure ends it."""
    job = asyncio.ensure_future(work)
    kept = [asyncio.ensure_future(keeper) for keeper in keepers]
    try:
        await asyncio.wait((job, *kept), return_when=asyncio.FIRST_COMPLETED)
        for keeper in kept:
            if keeper.done():
                keeper.result()
        return await job
    finally:
        await cancelled(job, *kept)


async def cancelled(*tasks: asyncio.Future[T] | asyncio.Future[None]) -> None:
    """Cancel what still runs, and wait until it has ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
