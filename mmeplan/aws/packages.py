"""Model packages: whose accounts hold those of AWS Marketplace."""

from __future__ import annotations

from typing import Final

MARKETPLACE_ACCOUNTS: Final = frozenset(
    {
        "057799348421",
        "077584701553",
        "136758871317",
        "192199979996",
        "270155090741",
        "382657785993",
        "446921602837",
        "470592106596",
        "594846645681",
        "666831318237",
        "745090734665",
        "843114510376",
        "856760150666",
        "865070037744",
        "977537786026",
        "985815980388",
    }
)
"""Accounts that own the model packages of AWS Marketplace, one per region: the ARNs in AWS's Marketplace samples."""
