"""The private methods that `pipeline/score/transport.py` and `pipeline/wire/bearer.py` rely on are
as they were when those were written. When this fails after an upgrade: read the new source, decide,
then renew the digest."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version

import faust
import pytest
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from faust.app.base import App
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

RELIED_ON: list[tuple[Callable[..., object], str]] = [
    # overridden, or called by what overrides
    (Consumer._wait_next_records, "6218e1969a63"),
    (Consumer.on_buffer_full, "c8961679e0bc"),
    (Consumer.perform_seek, "0e8c130ff4b0"),
    (driver.Consumer._new_consumer_thread, "0870ec53dea7"),
    (driver.Producer._new_producer, "e72355c3430e"),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, "c2701bfc3e6f"),
    (driver.AIOKafkaConsumerThread._fetch_records, "39a2c6c79fc1"),
    (driver.AIOKafkaConsumerThread._seek_wait, "9d221e816d94"),
    (App._create_directories, "a9f571c3b04a"),
    # what they assume: flow resumes only after perform_seek, and messages come in order
    (Recovery._resume_streams, "d986a6710c1a"),
    (Consumer._drain_messages, "44a2500309e8"),
    (App._on_partitions_revoked, "d5c895bbe57d"),
    # taking records and moving the position are one step
    (Fetcher.fetched_records, "be4348896b9b"),
    (FetchResult.check_assignment, "b5340df67e3f"),
    # after records were taken, the position is past the marks that follow them
    (FetchResult.getall, "3e717e30de50"),
    (PartitionRecords._unpack_records, "b803e6d46480"),
    (Fetcher._proc_fetch_request, "59bf948fff47"),
    # the dialogue of OAUTHBEARER
    (AIOKafkaConnection._do_sasl_handshake, "d4f7b5acbbec"),
    (AIOKafkaConnection.authenticator_oauth, "8fdc4e867f0d"),
    (OAuthAuthenticator.step, "3a013ab61098"),
]


@pytest.mark.parametrize(
    ("method", "digest"), RELIED_ON, ids=lambda value: getattr(value, "__qualname__", "")
)
def test_a_private_method_is_unchanged(method: Callable[..., object], digest: str) -> None:
    source = inspect.getsource(inspect.unwrap(method))
    assert hashlib.sha256(source.encode()).hexdigest()[:12] == digest


def test_the_versions_are_the_ones_examined() -> None:
    assert (faust.__version__, version("aiokafka")) == ("0.15.3", "0.14.0")
