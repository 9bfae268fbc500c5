"""Fills an emptied ClickHouse again from Kafka, as far as retention reaches."""
