"""Java, and the jars of Apache Kafka: found, or fetched once with Maven into the user's cache."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from pipeline.errors import LocalError
from pipeline.resources import resource

OLDEST_JAVA = 17
"""Kafka 4 brokers are compiled for Java 17."""

JAVA_SECONDS = 60
"""`java -version` takes 0.1 s; a cold disk may need far longer."""

MAVEN_SECONDS = 900
"""About 45 MB to fetch: enough for a line of half a megabit a second."""


def find_java() -> Path:
    """The `java` of JAVA_HOME, else the one on PATH.

    Raises:
        LocalError: there is none, it does not run, or it is older than 17.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if found is None:
        where = f"in JAVA_HOME={home}" if home else "on PATH"
        raise LocalError(f"no Java {where}: the local Kafka needs Java {OLDEST_JAVA} or newer")
    major = _major_of(found)
    if major < OLDEST_JAVA:
        raise LocalError(
            f"{found} is Java {major}, the local Kafka needs {OLDEST_JAVA} or newer: set JAVA_HOME"
        )
    return Path(found)


@cache  # asked again at each start of a broker, at a tenth of a second
def _major_of(java: str) -> int:
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=JAVA_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise LocalError(f"{java} -version does not run: {error}") from error
    return java_major(told.stderr + told.stdout)


def java_major(told: str) -> int:
    """The major version that `java -version` tells, 0 when it tells none (Java 8 says 1.8)."""
    match = re.search(r'version "(\d+)(?:\.(\d+))?', told)
    if match is None:
        return 0
    major = int(match[1])
    return int(match[2] or 0) if major == 1 else major


def cache_folder() -> Path:
    """Where fetched programs are kept between runs: XDG_CACHE_HOME, else ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "cxpulse"


def kafka_jars(say: Callable[[str], None] = lambda line: None, cache: Path | None = None) -> Path:
    """The folder with the broker's jars; Maven is asked only when this pom.xml was never resolved.

    The folder's name has a hash of the pom, so that another version is another folder; it appears
    by one rename, so it is never half filled.

    Raises:
        LocalError: no Maven, or Maven could not resolve the jars.
    """
    pom = resource("deploy", "kafka", "pom.xml")
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    cache = cache or cache_folder()
    jars = cache / f"kafka-{digest}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise LocalError("no Maven (mvn) on PATH: it is needed once, to fetch the jars of Kafka")
    say("fetching Apache Kafka with Maven (about 45 MB, only this once) ...")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as work:
        _resolve(maven, pom, Path(work))
        try:
            (Path(work) / "jars").rename(jars)
        except OSError as error:
            if not jars.is_dir():  # else: someone else was faster, with the same jars
                raise LocalError(f"cannot fill {jars}: {error}") from error
    return jars


def _resolve(maven: str, pom: Path, work: Path) -> None:
    shutil.copy(pom, work / "pom.xml")  # Maven may write next to it, and ours may be read-only
    command = [maven, "--batch-mode", "--quiet", "--strict-checksums", "--no-transfer-progress"]
    command += [f"--file={work / 'pom.xml'}", "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={work / 'jars'}"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=MAVEN_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise LocalError(f"Maven does not run: {error}") from error
    if done.returncode != 0 or not any((work / "jars").glob("kafka_2.13-*.jar")):
        errors = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        why = errors[0].removeprefix("[ERROR]").strip() if errors else "it named no error"
        raise LocalError(f"Maven could not fetch the jars of Kafka: {why}")
