"""Asked to pass a voucher on, the hub refuses and cites the rule. Part of :mod:`.services`."""

from __future__ import annotations

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import engine, errors, selectors
from hesuan.hub.programmes.checks import need_role
from hesuan.hub.programmes.models import Voucher


def transfer(*, actor: Actor, voucher_id: str, to_organisation_id: str) -> Voucher:
    """Refuses: a voucher is bound to the applicant it was issued to, and the programme's rule is cited.

    A programme that allows it cannot be activated here (:mod:`.reach`).

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.not_transferable``.
    """
    voucher = selectors.voucher(actor, voucher_id).voucher
    need_role(actor, voucher.organisation, ("owner",), ("Transferring a voucher", "转让算力券"))
    document = engine.programme_of(voucher.programme_version)
    issuance = document.terms.issuance
    rule = issuance.transferable if issuance is not None else None
    raise Refused(
        errors.NOT_TRANSFERABLE,
        voucher=voucher.code,
        rule=rule if isinstance(rule, str) else "–",
        where=document.cite("issuance.transferable"),
        organisation=to_organisation_id,
    )
