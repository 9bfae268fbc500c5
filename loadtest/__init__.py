"""Measures what users feel, side by side in one run: `python -m loadtest`.

A shared machine is noisy, so what is compared is measured in turn, and told as ratios.
"""
