"""cxpulse: federal customer experience, measured at the touchpoint in near real time."""

__version__ = "0.2.0"
