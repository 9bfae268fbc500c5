"""Consumer groups as Kafka's coordinator keeps them: who does not answer is put out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiokafka.errors import CommitFailedError

from tests.simulation.broker import Broker
from tests.simulation.loop import PROCESS

SESSION = 6.0
"""As in the settings."""
HEARTBEAT = SESSION / 4
REJOIN = 30.0
"""How long a rebalance waits for members that do not come back."""

Partitions = list[int]


class Member:
    """One consumer in a group; `run` it in the consumer's own process."""

    def __init__(
        self,
        group: Group,
        assigned: Callable[[Partitions], Awaitable[None]],
        revoked: Callable[[Partitions], Awaitable[None]],
    ) -> None:
        self.group = group
        self.process = PROCESS.get()
        self.generation = -1
        self.notice: asyncio.Future[None] = group.broker.loop.create_future()
        self._assigned = assigned
        self._revoked = revoked

    async def run(self) -> None:
        while True:
            partitions = await self.group.join(self)
            await self._assigned(partitions)
            await self.notice
            await self._revoked(partitions)


class Group:
    """Members, their assignment, and what they committed."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.broker = broker
        self.topic = topic
        self.members: dict[Member, bool] = {}  # whether it has (re)joined the coming generation
        self.committed: dict[int, int] = {}
        self.generation = 0
        self._rebalancing = False
        self._joining: dict[Member, asyncio.Future[Partitions]] = {}

    async def join(self, member: Member) -> Partitions:
        """Take part in the next generation; returns the partitions of this member."""
        loop = self.broker.loop
        if member not in self.members:
            process = member.process
            process.on_silence.append(lambda: loop.elsewhere(SESSION, self._put_out, member))
            process.on_wake.append(lambda: self._hear(member))
        self.members[member] = True
        joining: asyncio.Future[Partitions] = loop.create_future()
        self._joining[member] = joining
        member.notice = loop.create_future()
        self.rebalance()
        self._complete_if_all()
        return await joining

    def leave(self, member: Member) -> None:
        """Go at once, and say so."""
        if self.members.pop(member, None) is not None:
            self._joining.pop(member, None)
            self.rebalance()
            self._complete_if_all()

    def _put_out(self, member: Member) -> None:
        """A session ran out, if nothing was heard again."""
        if member.process.paused or not member.process.alive:
            self.leave(member)

    def rebalance(self) -> None:
        """Ask all members to join again."""
        if self._rebalancing or not self.members:
            return
        self._rebalancing = True
        generation = self.generation
        for member in self.members:
            if member not in self._joining:
                self.members[member] = False
                self._tell(member)
        self.broker.loop.elsewhere(REJOIN, self._give_up_waiting, generation)

    def commit(self, member: Member, offsets: Mapping[int, int]) -> None:
        """Raises CommitFailedError for a member of another generation."""
        if member not in self.members or member.generation != self.generation:
            raise CommitFailedError()
        self.committed.update(offsets)

    def _hear(self, member: Member) -> None:
        """A stopped process is awake: with its next heartbeat it learns what it missed."""
        if member not in self.members or not self.members[member]:
            self._tell(member)

    def _tell(self, member: Member) -> None:
        loop = self.broker.loop
        loop.elsewhere(self.broker.rng.random() * HEARTBEAT, self._give_notice, member)

    def _give_notice(self, member: Member) -> None:
        current = member in self.members and self.members[member]
        if not member.process.paused and not current and not member.notice.done():
            member.notice.set_result(None)

    def _give_up_waiting(self, generation: int) -> None:
        if generation == self.generation and self._rebalancing:
            for member in [m for m, joined in self.members.items() if not joined]:
                del self.members[member]
            self._complete_if_all()

    def _complete_if_all(self) -> None:
        if not self._rebalancing or not all(self.members.values()):
            return
        self._rebalancing = False
        self.generation += 1
        rng = self.broker.rng
        count = len(self.broker.topics[self.topic])
        members = list(self.members)
        rng.shuffle(members)
        self.broker.trace.add("assigned", self.topic, [m.process.name for m in members])
        for at, member in enumerate(members):
            member.generation = self.generation
            mine = list(range(at, count, len(members)))
            joining = self._joining.pop(member)
            self.broker.loop.elsewhere(rng.random() * 0.05, _give, joining, mine)


def _give(joining: asyncio.Future[Partitions], partitions: Partitions) -> None:
    if not joining.done():
        joining.set_result(partitions)
