"""Identifiers: 64 hex digits for containers, execs and volumes, and generated container names."""

from __future__ import annotations

import re
import secrets

ID_LENGTH = 64
SHORT_LENGTH = 12
_ID = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

_ADJECTIVES = (
    "agile amber bold brave bright brisk calm candid clever cosmic crisp eager early fair fleet fresh gentle glad "
    "golden grand happy hardy honest humble jolly keen kind light lively lucid mellow merry mild modest neat nimble "
    "noble patient plucky polite proud quick quiet rapid ready serene sharp silent silver smooth snappy solid steady "
    "stoic sunny swift tidy trusty upbeat vivid warm wise witty zesty"
).split()
_SURNAMES = (
    "abel ampere babbage banach bohr boole cantor carson cauchy curie dirac einstein euclid euler faraday fermat "
    "fermi feynman fourier franklin galileo galois gauss germain hamming heisenberg hilbert hopper hypatia kepler "
    "kovalevsky lagrange lamarr laplace leibniz lovelace maxwell mendel mirzakhani newton noether pascal pasteur "
    "pauling planck poincare ramanujan raman riemann ritchie rubin sagan shannon tesla thompson turing volta wiles "
    "wozniak wu yalow zu"
).split()


def new_id() -> str:
    """A fresh random identifier of 64 hex digits, never all decimal in its first twelve.

    A short id that is all digits would be read as a number by tools (and as a hostname by resolvers).
    """
    while True:
        candidate = secrets.token_hex(ID_LENGTH // 2)
        if not candidate[:SHORT_LENGTH].isdigit():
            return candidate


def is_id(text: str) -> bool:
    """Whether `text` is a full identifier."""
    return _ID.fullmatch(text) is not None


def short_id(full: str) -> str:
    """The first twelve digits, as people see them; an image's `sha256:` prefix is dropped."""
    return full.removeprefix("sha256:")[:SHORT_LENGTH]


def is_name(text: str) -> bool:
    """Whether `text` may name a container or a volume (Docker: two characters or more)."""
    return len(text) <= 255 and _NAME.fullmatch(text) is not None


def generated_name(attempt: int = 0) -> str:
    """`adjective_surname`; from the second attempt on with a digit appended, as Docker does on a collision."""
    name = f"{secrets.choice(_ADJECTIVES)}_{secrets.choice(_SURNAMES)}"
    return name if attempt == 0 else f"{name}{secrets.randbelow(10)}"
