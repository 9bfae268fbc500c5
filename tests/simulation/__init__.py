"""The whole path in one process with virtual time: real logic, replaced I/O, faults by seed.

loop     an event loop whose time jumps; processes that end or stop between any two of their steps
broker   topics, and producers whose acknowledgements come late, fail, or are lost
groups   consumer groups: sessions, rebalances, fencing
clients  what the pipeline sees of Kafka: aiokafka's clients, and Faust's application
store    the tables of ClickHouse, as far as the sink writes and reads them
kept     what the topics say of how far a partition is folded
traffic  what producers send
seams    where the real code is given these instead of the real I/O
world    all of it together; `faults` breaks it, `check` judges the end, `run` plays schedules
catalogues  those that follow one another, and `judged`: which one a record was judged by
growth   the fault that partitions are added
lives    the fault that the topic is created again
expiry   the fault that the log expires before it is read
"""
