"""The chDB engine (ClickHouse in this process) behind the ClickHouse HTTP interface."""
