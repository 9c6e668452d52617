"""What an update leaves a person with: the ways to the machine, and what running and parking cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from operate.addresses import browser_warning
from words import phrase


def render(outputs: Mapping[str, Any]) -> list[RenderableType]:
    """The outputs of an update in a few lines; nothing after a destroy."""
    if not outputs:
        return []
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    if "demoUrl" in outputs:
        table.add_row(
            phrase("Demo"),
            phrase(
                "{demo_url} (user {demo_user}; chatglm open --password)",
                demo_url=outputs["demoUrl"],
                demo_user=outputs.get("demoUser"),
            ),
        )
        if warning := browser_warning(outputs):
            table.add_row(phrase("Certificate"), warning)
        table.add_row(
            phrase("Remote desktop"), phrase("{rdp_address} (Administrator)", rdp_address=outputs.get("rdpAddress"))
        )
        table.add_row(
            phrase("Price"), phrase("{hourly_price} CNY/h, machine and disk", hourly_price=outputs.get("hourlyPrice"))
        )
    else:
        table.add_row(phrase("Parked"), phrase("no machine; nothing is billed but the image"))
    table.add_row(
        phrase("Cost while parked"),
        phrase(
            "at most {parked_monthly_price} CNY a month, for the image",
            parked_monthly_price=outputs.get("parkedMonthlyPrice"),
        ),
    )
    return [table]
