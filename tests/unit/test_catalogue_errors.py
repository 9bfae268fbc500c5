"""A mistake in a catalogue file is one line that names file and entry and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import CatalogueError
from pipeline.wire.catalogue import load_catalogue

AGENCIES = (
    "agencies:\n  - {code: treas, name: Treasury, aliases: [usdt]}\n  - {code: va, name: VA}\n"
)
SERVICES = """services:
  - {code: treas-irs, name: IRS, agency: treas, is_provider: true, aliases: [irs]}
  - {code: treas-return, name: Return, agency: treas, provider: treas-irs, channels: [phone]}
"""
WORDINGS = """wordings:
  - id: least
    questions:
      positive_effectiveness: {text: My need was addressed.}
      positive_ease: {text: It was easy.}
      negative_effectiveness: {text: My need was not addressed.}
      negative_ease: {text: It was hard.}
"""
SURVEYS = """surveys:
  - id: treas-return-filed
    title: After filing
    service: treas-return
    instrument: a11_v2
    wording: [least]
    questions: {trust: {text: "I trust {agency}.", scale: thumbs}}
    trust_variant: i_trust
    interaction_type: post_interaction
    timezone: America/New_York
    omb_number: "1545-0000"
    omb_expires: 2028-12-31
"""
FILES = {"agencies": AGENCIES, "services": SERVICES, "wordings": WORDINGS, "surveys": SURVEYS}

MISTAKES = [
    ("agencies", "code: va", "code: usdt", "'usdt'.*already used by 'treas'; rename one"),
    ("agencies", "code: va", "code: VA/1", r"entry 2 \('VA/1'\): code: .*match pattern"),
    ("agencies", "name: VA", "nmae: VA", r"entry 2 \('va'\): nmae: Extra inputs"),
    ("agencies", "agencies:", "agency:", "one list under the key 'agencies'"),
    ("agencies", "name: VA", "name: VA, name: V", "line 3: .*'name' is given twice"),
    ("services", "agency: treas, p", "agency: tras, p", "'tras' .* did you mean 'treas'"),
    ("services", "agency: treas, p", "agency: va, p", "agency 'va' is not that of its provider"),
    ("services", "provider: treas-irs", "provider: irs", "provider 'irs' is not in"),
    ("services", ", provider: treas-irs", "", "has no provider; name one"),
    ("services", "[irs]", "[irs], provider: treas-return", "is a provider, so leave out"),
    ("services", "[phone]", "[telephone]", "channel 'telephone' .* did you mean 'phone'"),
    ("services", "code: treas-return", "code: irs", "'irs' is already used by 'treas-irs'"),
    ("surveys", "service: treas-return", "service: treas-returns", "did you mean 'treas-return'"),
    ("surveys", "a11_v2", "a12", "instrument: Input should be 'a11'"),
    ("surveys", "{trust:", "{humanity:", "measure 'humanity' is not in the measures of a11_v2"),
    ("surveys", "scale: thumbs", "scale: likert5", "scale likert5 .*; use thumbs"),
    ("surveys", "    trust_variant: i_trust\n", "", "asks trust without trust_variant"),
    ("surveys", "i_trust", "we_trust", "trust_variant 'we_trust' .* did you mean 'i_trust'"),
    ("surveys", "    title:", "    omits: [trust]\n    title:", "does not ask trust, so leave out"),
    ("surveys", "    title:", "    omits: [ease]\n    title:", "omits 'ease' is not in its quest"),
    ("surveys", "[least]", "[most]", "wording 'most' is not in wordings.yaml"),
    ("surveys", "[least]", "[]", "a11_v2 must offer 'positive_effectiveness'"),
    ("surveys", "post_interaction", "interaction", "interaction_type 'interaction' is not in"),
    ("surveys", "America/New_York", "America/Newyork", "'America/Newyork' is not an IANA zone"),
    ("surveys", "America/New_York", "America", "'America' is not an IANA zone"),
    ("surveys", "America/New_York", "../../etc/localtime", "is not an IANA zone"),
    ("surveys", "2028-12-31", "2028-13-31", "is not valid YAML: month must be in 1..12"),
    ("surveys", "2028-12-31", "soon", "omb_expires: Input should be a valid date"),
    ("surveys", '"1545-0000"', "1545", "omb_number: Input should be a valid string"),
    ("surveys", "{agency}", "{office}", "{office} cannot be filled in; use {agency}"),
    ("surveys", "surveys:", "surveys: [", "is not valid YAML"),
]


def write(folder: Path, **files: str) -> Path:
    for name, text in {**FILES, **files}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_files_these_mistakes_start_from_are_right(tmp_path: Path) -> None:
    survey = load_catalogue(write(tmp_path)).surveys["treas-return-filed"]
    assert survey.layout[0] == "trust"
    assert survey.questions[0].text == "I trust Treasury."


@pytest.mark.parametrize(("file", "right", "wrong", "says"), MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, file: str, right: str, wrong: str, says: str) -> None:
    assert right in FILES[file]
    with pytest.raises(CatalogueError, match=says) as caught:
        load_catalogue(write(tmp_path, **{file: FILES[file].replace(right, wrong, 1)}))
    message = str(caught.value)
    assert message.startswith(str(tmp_path / f"{file}.yaml"))
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (write(tmp_path) / "wordings.yaml").unlink()
    with pytest.raises(CatalogueError, match=r"wordings\.yaml: cannot be read"):
        load_catalogue(tmp_path)


def test_bytes_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    (write(tmp_path) / "agencies.yaml").write_bytes(b"agencies: [\xff]")
    with pytest.raises(CatalogueError, match=r"agencies\.yaml: is not valid YAML"):
        load_catalogue(tmp_path)
