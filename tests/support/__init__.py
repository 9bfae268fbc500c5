"""What several test modules share: a small world, logs drawn from it, models to compare with."""
