"""What earlier releases left behind, so that each new one can be seen to go on from it."""
