"""Which checkpoint a restore takes: the newest complete one, whoever else writes."""

from __future__ import annotations

from pipeline.score.chains import Chain, Flaw, intact_chains, take_stock
from pipeline.wire.manifests import (
    Manifest,
    Owner,
    Piece,
    catalogue_key,
    checksum,
    claim_key,
    encode_manifest,
    manifest_key,
    segment_key,
)

Log = dict[bytes, bytes]


def write(log: Log, owner: Owner, number: int, at: int, base: int = 0, generation: int = 1) -> None:
    """One checkpoint of two segments, as a writer would leave it."""
    catalogue = catalogue_key(owner, "aa")
    log[catalogue] = b"catalogue"
    pieces = []
    for n in range(2):
        key = segment_key(owner, number, n)
        log[key] = b"%s/%d" % (owner.name.encode(), number)
        pieces.append(Piece(key.decode(), checksum(log[key])))
    manifest = Manifest(
        owner=owner,
        number=number,
        base=base,
        partition=0,
        generation=generation,
        next_offset=at,
        watermark=0,
        catalogue="aa",
        catalogue_piece=Piece(catalogue.decode(), checksum(b"catalogue")),
        segments=tuple(pieces),
    )
    log[manifest_key(owner, number)] = encode_manifest(manifest)


def chosen(log: Log, generation: int = 1) -> Chain | None:
    """The first chain a restore would try."""
    return next(intact_chains(log, take_stock(log, generation)), None)


def offset(log: Log, generation: int = 1) -> int:
    """Where a restore would go on; -1 when there is nothing to go on from."""
    chain = chosen(log, generation)
    return chain.last.next_offset if chain else -1


ONE, TWO = Owner(1, "one"), Owner(2, "two")


def test_the_last_increment_of_a_chain_is_taken_with_all_before_it() -> None:
    log: Log = {}
    for number in range(3):
        write(log, ONE, number, at=100 * number)
    chain = chosen(log)
    assert chain is not None
    assert (chain.last.next_offset, len(chain.cuts)) == (200, 3)
    assert chain.keys == set(log)


def test_a_higher_epoch_wins_over_a_zombie_that_is_further_on() -> None:
    log: Log = {}
    write(log, TWO, 0, at=50)
    write(log, ONE, 0, at=5000)
    assert offset(log) == 50


def test_a_missing_or_damaged_segment_leads_to_the_checkpoint_before_it() -> None:
    log: Log = {}
    write(log, ONE, 0, at=100)
    write(log, ONE, 1, at=200)
    del log[segment_key(ONE, 1, 1)]
    assert offset(log) == 100
    write(log, ONE, 1, at=200)
    log[segment_key(ONE, 1, 0)] += b"!"
    assert offset(log) == 100


def test_a_broken_full_cut_makes_its_whole_chain_useless() -> None:
    log: Log = {}
    write(log, ONE, 0, at=100)
    write(log, TWO, 0, at=200)
    write(log, TWO, 1, at=300)
    del log[segment_key(TWO, 0, 0)]
    assert offset(log) == 100


def test_segments_without_a_manifest_are_no_checkpoint() -> None:
    log: Log = {}
    write(log, ONE, 0, at=100)
    del log[manifest_key(ONE, 0)]
    assert offset(log) == -1
    assert take_stock(log, 1).empty


def test_a_damaged_manifest_counts_as_unreadable_not_as_absent() -> None:
    log: Log = {}
    write(log, ONE, 0, at=100)
    log[manifest_key(ONE, 0)] = log[manifest_key(ONE, 0)].replace(b'"next_offset":100', b"")
    stock = take_stock(log, 1)
    assert offset(log) == -1
    (flaw,) = stock.unreadable
    assert (stock.empty, flaw.owner, flaw.number) == (False, ONE, 0)
    assert flaw.why == "manifest does not match its checksum"


def test_each_checkpoint_that_is_passed_over_is_named_with_what_it_lacks() -> None:
    log: Log = {}
    for number in range(3):
        write(log, ONE, number, at=100 * number + 100)
    write(log, TWO, 0, at=400)
    log[segment_key(ONE, 1, 1)] = b"half"
    del log[catalogue_key(TWO, "aa")]
    flaws: list[Flaw] = []
    chain = next(intact_chains(log, take_stock(log, 1), flaws.append))
    assert chain.last.next_offset == 100
    assert flaws == [
        Flaw(TWO, 0, 400, "its catalogue is missing or damaged"),
        Flaw(ONE, 2, 300, "a segment of checkpoint 1 is missing or damaged"),
        Flaw(ONE, 1, 200, "a segment of checkpoint 1 is missing or damaged"),
    ]


def test_a_manifest_under_the_key_of_another_is_refused_as_foreign() -> None:
    log: Log = {}
    write(log, ONE, 0, at=100)
    write(log, TWO, 0, at=200)
    log[manifest_key(TWO, 0)] = log[manifest_key(ONE, 0)]
    (flaw,) = take_stock(log, 1).unreadable
    assert (flaw.owner, flaw.why) == (TWO, "its manifest is that of 00000001/one/00000000")
    assert offset(log) == 100


def test_checkpoints_of_another_generation_are_left_aside() -> None:
    log: Log = {}
    write(log, ONE, 0, at=100, generation=1)
    assert offset(log, 2) == -1
    write(log, TWO, 0, at=7, generation=2)
    assert offset(log, 2) == 7


def test_claims_are_no_checkpoint() -> None:
    log: Log = {claim_key(Owner(7, "x")): b"x"}
    assert take_stock(log, 1).empty
