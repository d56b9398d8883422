"""Issuers, and addresses of a provider that stand for many of them (layer 2; sans-IO).

Entra ID's addresses for users of any tenant (``…/common/v2.0``, ``…/organizations/v2.0``) publish an issuer
with a hole: ``…/{tenantid}/v2.0``. A token is by the tenant that its claim ``tid`` names, and a key may be
good for one tenant only. After "Validate the issuer" in Microsoft's "Access tokens in the Microsoft identity
platform".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HOLE: Final = "{tenantid}"
_TENANT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,99}")


def publishes(asked: str, published: object) -> bool:
    """Whether who was asked at this address is who calls itself so."""
    name, address = str(published).rstrip("/"), asked.rstrip("/")
    before, hole, after = name.partition(HOLE)
    if not hole:
        return name == address
    middle = address.removeprefix(before).removesuffix(after)
    return address == before + middle + after and _TENANT.fullmatch(middle) is not None


def issuer_for(published: str, claims: Mapping[str, Any]) -> str:
    """Return who must have made a token with these claims; "" if it does not say for which tenant it is."""
    if HOLE not in published:
        return published
    tenant = claims.get("tid")
    if not isinstance(tenant, str) or _TENANT.fullmatch(tenant) is None:
        return ""
    return published.replace(HOLE, tenant)


def good_for(key: Mapping[str, Any], issuer: str, claims: Mapping[str, Any]) -> bool:
    """Whether a published key may sign for an issuer: where there are many, it may be one's own."""
    whose = key.get("issuer")
    return not isinstance(whose, str) or issuer_for(whose, claims) == issuer
