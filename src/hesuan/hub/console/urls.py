"""Addresses of the console's pages. Each page answers GET and POST at one address, so that the language
switch and the browser's reload always find it again."""

from __future__ import annotations

from django.urls import path

from hesuan.hub.console.views import (
    account,
    applications,
    applying,
    calls,
    centres,
    claims,
    drafts,
    home,
    log,
    market,
    office,
    orders,
    programmes,
    publicity,
    receipts,
    records,
    vouchers,
)

app_name = "console"

urlpatterns = [
    path("", home.page, name="home"),
    path("account/", account.page, name="account"),
    path("offerings/", market.offerings, name="offerings"),
    path("quotes/", market.quotes, name="quotes"),
    path("quotes/new/", market.new_quote, name="quote_new"),
    path("quotes/<str:request_id>/", market.quote, name="quote"),
    path("orders/", orders.orders, name="orders"),
    path("orders/<str:order_id>/", orders.order, name="order"),
    path("orders/<str:order_id>/live/", orders.live, name="order_live"),
    path("orders/<str:order_id>/elapsed/", orders.elapsed, name="order_elapsed"),
    path("receipts/<str:receipt_id>/", receipts.receipt, name="receipt"),
    path("receipts/<str:receipt_id>/file/", receipts.receipt_file, name="receipt_file"),
    path("programmes/", programmes.programmes, name="programmes"),
    path("programmes/new/", drafts.new, name="programme_new"),
    path("programmes/<str:programme_id>/", programmes.programme, name="programme"),
    path("programmes/<str:programme_id>/apply/", applying.apply, name="apply"),
    path("programmes/<str:programme_id>/edit/", drafts.edit, name="programme_edit"),
    path("programmes/<str:programme_id>/calls/", calls.calls, name="programme_calls"),
    path("programmes/<str:programme_id>/budget/", office.budget, name="programme_budget"),
    path("programmes/<str:programme_id>/results/", office.results, name="programme_results"),
    path("programmes/<str:programme_id>/results.csv", office.results_file, name="programme_results_file"),
    path("programmes/<str:programme_id>/simulate/", office.simulate, name="programme_simulate"),
    path("programmes/<str:programme_id>/compare/", drafts.compare, name="programme_compare"),
    path("applications/", applications.applications, name="applications"),
    path("applications/<str:application_id>/", applications.application, name="application"),
    path("registry/", records.records, name="records"),
    path("registry/<str:organisation_id>/", records.record, name="record"),
    path("documents/<str:document_id>/", records.document, name="document"),
    path("applications/<str:application_id>/amend/", applying.amend, name="amend"),
    path("claims/", claims.claims, name="claims"),
    path("claims/new/<str:version_id>/<str:centre_id>/", claims.new, name="claim_new"),
    path("claims/<str:claim_id>/", claims.claim, name="claim"),
    path("claims/<str:claim_id>/pack/", claims.pack, name="claim_pack"),
    path("batches/<str:batch_id>/", claims.batch, name="batch"),
    path("publicity/", publicity.publicity, name="publicity"),
    path("publicity/<str:application_id>/", publicity.one, name="publicity_one"),
    path("vouchers/", vouchers.vouchers, name="vouchers"),
    path("vouchers/<str:voucher_id>/", vouchers.voucher, name="voucher"),
    path("centres/", centres.centres, name="centres"),
    path("centres/<str:centre_id>/", centres.centre, name="centre"),
    path("log/", log.page, name="log"),
    path("log/trust", log.trust, name="log_trust"),
]
