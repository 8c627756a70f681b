"""A list of all parts (SBOM) in CycloneDX's JSON, from the lock: names, versions, purls, hashes, licences.

    python scripts/sbom.py [--out dist/thirtyfold.cdx.json] [--development]

It is made at a release, beside the wheel, and is not kept in the repository: it follows from the lock. The same lock
gives the same bytes, where ``SOURCE_DATE_EPOCH`` says when. Format: https://cyclonedx.org/docs/1.6/json/.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from hashlib import sha256
from os import environ
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from licences import PAGE, rows_of
from locked import DEVELOPMENT, REPOSITORY, RUNTIME, Locked, locked_packages
from packageurl import PackageURL


def component_of(package: Locked, licence: str) -> Component:
    """A package as a part. Its hashes are those of all files that an installer may choose from."""
    name = package.name
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=package.version,
        bom_ref=f"{name}@{package.version}",
        purl=PackageURL("pypi", None, name, package.version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.sha256],
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        properties=[Property(name="thirtyfold:marker", value=package.marker)] if package.marker else [],
    )


def make_bom(*, development: bool) -> Bom:
    """The list of what the lock holds; with ``development`` also what only developers get."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licences = rows_of(PAGE.read_text(encoding="utf-8"))
    runtime, besides = locked_packages()
    root = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        bom_ref=f"{project['name']}@{project['version']}",
        purl=PackageURL("pypi", None, project["name"], project["version"]),
        licenses=[LicenseFactory().make_from_string(project["license"])],
    )
    parts = [
        component_of(package, licences.get((package.name, package.version), ""))
        for package in [*runtime, *(besides if development else [])]
    ]
    bom = Bom(components=parts)
    bom.metadata.component = root
    bom.register_dependency(root, parts)
    locks = RUNTIME.read_bytes() + (DEVELOPMENT.read_bytes() if development else b"")
    bom.serial_number = uuid.UUID(bytes=sha256(locks).digest()[:16], version=4)
    if epoch := environ.get("SOURCE_DATE_EPOCH"):
        bom.metadata.timestamp = datetime.fromtimestamp(int(epoch), tz=UTC)
    return bom


def main() -> int:
    parser = argparse.ArgumentParser(description="A list of all parts in CycloneDX's JSON, from the lock.")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist" / "thirtyfold.cdx.json")
    parser.add_argument("--development", action="store_true", help="with what only developers get")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    text = JsonV1Dot6(make_bom(development=arguments.development)).output_as_string(indent=1)
    arguments.out.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
