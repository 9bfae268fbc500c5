"""`cxpulse emit`: send files, a published quarter, or simulated traffic."""

from __future__ import annotations

import typer

from pipeline.emit import flags


def emit(
    files: flags.Files = None,
    form: flags.Format = None,
    allow_refused: flags.AllowRefused = False,
    published: flags.Published = None,
    simulate: flags.Simulate = False,
    rate: flags.Rate = 100.0,
    duration: flags.Duration = None,
    count: flags.Count = None,
    history: flags.History = None,
    seed: flags.Seed = 1,
    duplicates: flags.Duplicates = 0.01,
    retractions: flags.Retractions = 0.005,
    late: flags.Late = 0.005,
    invalid: flags.Invalid = 0.005,
    truth: flags.Truth = None,
) -> None:
    """Send survey responses: FILES, --published results, or --simulate.

    Every line of a file is checked against the catalogue; what is refused is told by file, line,
    field and reason, and never sent. Sending the same responses again adds nothing.
    """
    from pipeline.emit import sending
    from pipeline.settings import load

    if bool(files) + (published is not None) + simulate != 1:
        raise typer.BadParameter("give FILES, or --published, or --simulate: one of the three")
    settings = load()
    if files:
        code = sending.send_files(settings, files, form, allow_refused)
    elif published is not None:
        code = sending.send_published(settings, *published)
    else:
        shares = sending.Shares(duplicates, retractions, late, invalid)
        traffic = sending.traffic(rate, duration, count, history, seed, shares)
        code = sending.send_simulated(settings, traffic, truth)
    raise typer.Exit(code)
