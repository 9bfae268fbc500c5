"""Drills: a stack of its own, known traffic, one thing broken on purpose, and a verdict."""
