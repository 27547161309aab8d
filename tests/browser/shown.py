"""Whether a notebook that ran in the browser's Python shows what is committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cai_helpers.learning import compare


def differences(ran: Mapping[str, Any], committed: Mapping[str, Any]) -> list[str]:
    """One line for each code cell whose outputs are not the committed ones, by nbval's rules."""
    cells = [cell for cell in ran["cells"] if cell["cell_type"] == "code"]
    wanted = [cell for cell in committed["cells"] if cell["cell_type"] == "code"]
    found = [] if len(cells) == len(wanted) else [f"{len(cells)} code cells, not {len(wanted)}"]
    for cell, want in zip(cells, wanted, strict=False):
        got, recorded = (compare.coalesce_streams(one.get("outputs", [])) for one in (cell, want))
        said = compare.difference(got, recorded)
        if said:
            found.append(f"{want['id']}: {said[:1500]}")
    return found
