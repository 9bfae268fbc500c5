"""Compares what every part says: Kafka, ledger, raw rows, panes and rolling windows."""
