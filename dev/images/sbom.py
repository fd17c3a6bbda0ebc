"""The bill of materials of an image, as CycloneDX 1.5 JSON."""

import re
from typing import Any
from urllib.parse import quote

from dev.images.archive import Content, Package


def cyclonedx(name: str, version: str, content: Content) -> dict[str, Any]:
    """Return the document: one component for each package that the image holds."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "bom-ref": name, "name": name, "version": version},
        },
        "components": [_component(package) for package in content.packages],
    }


def _component(package: Package) -> dict[str, Any]:
    address = _purl(package)
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": address,
        "name": package.name,
        "version": package.version,
        "purl": address,
    }
    if package.licence:
        found["licenses"] = [{"expression": package.licence}]
    return found


def _purl(package: Package) -> str:
    """The package URL, by the rules of its type (github.com/package-url/purl-spec)."""
    version = quote(package.version, safe="+~:.-")
    if package.kind == "pypi":
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', package.name).lower()}@{version}"
    if package.kind == "golang":
        return f"pkg:golang/{quote(package.name, safe='/+.-')}@{version}"
    return f"pkg:deb/debian/{quote(package.name, safe='+.-')}@{version}?arch={package.architecture}"
