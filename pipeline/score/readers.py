"""The reader of each catalogue in use: partitions change catalogues one by one, each at its cut."""

from __future__ import annotations

from weakref import WeakValueDictionary

from pipeline.core.catalogue import Catalogue
from pipeline.core.response import Validator
from pipeline.wire.reading import ResponseReader
from pipeline.wire.responses import ResponseDecoder


class Readers:
    """Makes one reader for each catalogue, since readers remember what they have seen; it goes
    with the last partition that reads by it. `current` is that of the newest catalogue."""

    def __init__(self, decoder: ResponseDecoder, catalogue: Catalogue) -> None:
        self._decoder = decoder
        self._known: WeakValueDictionary[str, ResponseReader] = WeakValueDictionary()
        self.current = self.of(catalogue)

    def of(self, catalogue: Catalogue) -> ResponseReader:
        """The reader that checks by this catalogue; the same one for the same content."""
        reader = self._known.get(catalogue.digest)
        if reader is None:
            reader = ResponseReader(self._decoder, Validator(catalogue))
            self._known[catalogue.digest] = reader
        return reader

    def adopt(self, catalogue: Catalogue) -> ResponseReader:
        """Make this catalogue the newest; returns its reader."""
        self.current = self.of(catalogue)
        return self.current
