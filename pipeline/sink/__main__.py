"""`python -m pipeline.sink`: the sink without the command line around it, for supervisors."""

from __future__ import annotations

import asyncio
import sys

from pipeline import logs
from pipeline.errors import CxpulseError
from pipeline.settings import load
from pipeline.sink.serve import serve

if __name__ == "__main__":
    logs.configure()
    try:
        asyncio.run(serve(load()))
    except CxpulseError as error:
        sys.stderr.write(f"cxpulse sink: {error}\n")
        sys.exit(error.exit_code)
