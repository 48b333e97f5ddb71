"""Whether a folder holds what a release's tag says: python .ci/release.py v0.2.0 dist."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]


def problems(tag: str, folder: Path) -> list[str]:
    """What is wrong: of the version, the files, their metadata, the changelog; nothing where all is well."""
    version = tag.removeprefix("v")
    names = {f"hyperdist-{version}-py3-none-any.whl", f"hyperdist-{version}.tar.gz"}
    found = {path.name for path in folder.iterdir()}
    wrong = [] if found == names else [f"{folder} must hold {sorted(names)} for the tag {tag}, got {sorted(found)}"]
    for name in sorted(names & found):
        try:
            made = Metadata.from_email(_metadata(folder / name), validate=True)
        except ExceptionGroup as group:
            wrong += [f"{name}: {error}" for error in group.exceptions]
            continue
        if str(made.version) != version:
            wrong.append(f"{name} must be version {version}, got {made.version}")
        if made.description_content_type != "text/markdown" or not (made.description or "").startswith("# hyperdist"):
            wrong.append(f"{name} must have README as its description")
    if f"\n## {version}\n" not in (ROOT / ".github" / "CHANGELOG.md").read_text(encoding="utf-8"):
        wrong.append(f".github/CHANGELOG.md must have a section {version}")
    return wrong


def _metadata(path: Path) -> bytes:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return archive.read(name)
    with tarfile.open(path) as archive:
        (name,) = (name for name in archive.getnames() if name.count("/") == 1 and name.endswith("/PKG-INFO"))
        file = archive.extractfile(name)
        return file.read() if file else b""


if __name__ == "__main__":
    faults = problems(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write("\n".join([*faults] or [f"{sys.argv[2]} is what {sys.argv[1]} says"]) + "\n")
    sys.exit(bool(faults))
