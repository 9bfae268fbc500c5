"""Puts the rows of the catalogue into their tables, each in one step."""

from __future__ import annotations

from typing import Final

from pipeline.store.catalogue_rows import CatalogueTable
from pipeline.store.client import Client, store_errors

_COMMENT: Final = """
SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {name:String}
"""


def is_loaded(client: Client, table: CatalogueTable) -> bool:
    """Does ClickHouse hold these rows? A loaded table carries their digest as its comment."""
    with store_errors(f"read table {table.name}"):
        comment = client.command(_COMMENT, parameters={"name": table.name})
        count = client.command(f"SELECT count() FROM {table.name}")
    return (comment, count) == (table.digest, len(table.rows))


def load(client: Client, table: CatalogueTable) -> bool:
    """Replaces all rows unless they are there already; says whether it had to.

    Tables change places, so that no reader sees one half full; entries that left the catalogue
    leave the table. What a crash leaves behind, the next run removes.
    """
    if is_loaded(client, table):
        return False
    fresh = f"{table.name}_loading"
    with store_errors(f"load table {table.name}", detail=True):
        client.command(f"DROP TABLE IF EXISTS {fresh} SYNC")
        client.command(f"CREATE TABLE {fresh} AS {table.name}")
        if table.rows:
            client.insert(fresh, table.rows, table.columns)
        client.command(f"ALTER TABLE {fresh} MODIFY COMMENT '{table.digest}'")
        client.command(f"EXCHANGE TABLES {table.name} AND {fresh}")
        client.command(f"DROP TABLE {fresh} SYNC")
    return True
