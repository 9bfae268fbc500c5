"""`python -m pipeline.sink`: the sink without the command line around it, for supervisors."""

from __future__ import annotations

import sys

from pipeline import logs
from pipeline.errors import CxpulseError
from pipeline.sink.command import sink

if __name__ == "__main__":
    logs.configure()
    try:
        sink()
    except CxpulseError as error:
        sys.stderr.write(f"cxpulse sink: {error}\n")
        sys.exit(error.exit_code)
