"""The description of the package on an index: README, whose pictures lie beside it and would be broken links there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomMetadataHook(MetadataHookInterface):
    """Puts what a picture shows, its text, in the place of each picture without an address of its own."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling wherever it needs the metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = re.sub(r"!\[([^\]]*)\]\((?!https?:)[^)]*\)", r"*Picture: \1.*", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
