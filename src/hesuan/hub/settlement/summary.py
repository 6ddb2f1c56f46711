"""The PDF summary of an evidence pack, in Chinese, with a font that every reader has and no file of ours.

The same document gives the same bytes: no time of printing, no random id.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from hesuan.money import format_yuan

FONT = "STSong-Light"
LATIN = "Helvetica"
"""Letters and digits stand in a font that every reader has too: not every substitute for the Chinese one has
them, and an amount must never be blank."""
_LATIN = re.compile("[!-~¥–][ -~¥–]*")
STATES = {
    "MATCHED": "核对相符",
    "MISMATCH": "核对不符",
    "VERIFIED": "已审核",
    "SAMPLED_AUDIT": "抽查中",
    "APPROVED": "已批准",
    "PUBLICISED": "公示中",
    "PAYABLE": "应付",
    "PAID": "已支付",
    "RECONCILED": "已对账",
    "CLOSED": "已关闭",
    "REJECTED": "已驳回",
    "DRAFT": "草稿",
    "WITHDRAWN": "已撤回",
}
TRIGGERS = {
    "opened": "建立",
    "corrected": "更正材料",
    "submitted": "提交",
    "matched": "核对相符",
    "mismatch": "核对不符",
    "waived": "放行差异",
    "rate_set": "核定比例",
    "verified": "审核",
    "approved": "批准",
    "publicised": "公示",
    "payable": "转为应付",
    "paid": "支付",
    "returned": "退回补正",
    "rejected": "驳回",
    "drawn": "抽中抽查",
    "audit_passed": "抽查通过",
    "audit_findings": "抽查发现问题",
    "raised": "红字发票后增加应付",
    "reconciled": "与银行对账相符",
    "claim_closed": "关闭",
}
FLOWS = {
    "reimburse_user": "先付后补（支付给用户）",
    "deduct_pay_supplier": "抵扣结算（支付给供给方）",
    "prefund_supplier": "备用金（供给方先行领取）",
}
PAPERS = {"contract": "合同", "invoice": "发票", "payment": "付款凭证", "delivery_proof": "交付凭证"}
DAYS = ("signed_on", "issued_on", "paid_on", "accepted_on")
_BODY = ParagraphStyle("body", fontName=FONT, fontSize=9, leading=13, wordWrap="CJK")
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=8, leading=10)
_TITLE = ParagraphStyle("title", parent=_BODY, fontSize=16, leading=22, spaceAfter=4)
_HEAD = ParagraphStyle("head", parent=_BODY, fontSize=11, leading=16, spaceBefore=8, spaceAfter=3)


def summary_pdf(document: Mapping[str, Any]) -> bytes:
    """The summary of a claim's document (:func:`hesuan.hub.settlement.packing.claim_document`)."""
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    frame = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=16 * mm,
        rightMargin=16 * mm,
        topMargin=16 * mm,
        bottomMargin=16 * mm,
        title=f"兑付材料 {document['claim']}",
        author="合算 Hesuan",
        invariant=1,
    )
    frame.build(_story(document))
    return out.getvalue()


def _story(document: Mapping[str, Any]) -> list[Flowable]:
    return [
        _said("算力券兑付材料", _TITLE),
        _said(document["programme"]["title"]),
        Spacer(1, 3 * mm),
        _pairs(_about(document)),
        _said("一、兑付明细", _HEAD),
        _lines(document["lines"]),
        _said("二、出资分担", _HEAD),
        _payers(document),
        _said("三、合同、发票及凭证", _HEAD),
        *_papers(document["papers"]),
        _said("四、三方核对", _HEAD),
        *_match(document["match"]),
        _said("五、办理过程", _HEAD),
        _steps(document["steps"]),
        Spacer(1, 4 * mm),
        _said(
            "本材料各成员的 SHA-256 列于 manifest.json，由平台密钥签名；可离线验证：hesuan verify 文件名",
            _SMALL,
        ),
    ]


def _about(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    programme = document["programme"]
    return [
        ("申请编号", document["claim"]),
        ("计划", f"{programme['id']} 版本 {programme['version']}"),
        ("计划文本哈希", programme["digest"]),
        ("资金流向", FLOWS.get(document["flow"], document["flow"])),
        ("申请方", document["claimant"]["name"]),
        ("用户", document["holder"]["name"]),
        ("算力中心", document["centre"]["name"]),
        ("季度", document["period"]),
        ("状态", f"{STATES.get(document['state'], document['state'])}（截至 {document['as_of']}）"),
    ]


def _lines(lines: Sequence[Mapping[str, Any]]) -> Table:
    head = ("行", "订单", "算力券", "类别", "费用", "补贴", "冲减后")
    rows = [
        (
            str(one["number"]),
            one["order"],
            one["voucher"],
            one["kind"],
            format_yuan(one["charge_fen"]),
            format_yuan(one["subsidy_fen"]),
            format_yuan(one["net_fen"]),
        )
        for one in lines
    ]
    sums = [format_yuan(sum(one[key] for one in lines)) for key in ("charge_fen", "subsidy_fen", "net_fen")]
    widths = [11 * mm, 50 * mm, 24 * mm, 20 * mm, 25 * mm, 24 * mm, 24 * mm]
    return _table([head, *rows, ("合计", "", "", "", *sums)], widths)


def _payers(document: Mapping[str, Any]) -> Table:
    owed: dict[str, int] = {}
    for line in document["lines"]:
        for share in line["shares"]:
            owed[share["payer"]] = owed.get(share["payer"], 0) + share["fen"]
    paid: dict[str, int] = {}
    for one in document["payments"]:
        paid[one["payer"]] = paid.get(one["payer"], 0) + one["amount_fen"]
    rows = [(payer, format_yuan(fen), format_yuan(paid.get(payer, 0))) for payer, fen in owed.items()]
    total = ("合计", format_yuan(sum(owed.values())), format_yuan(sum(paid.values())))
    return _table([("出资方", "申报金额", "已支付"), *rows, total], [60 * mm, 59 * mm, 59 * mm])


def _papers(papers: Mapping[str, Any]) -> list[Flowable]:
    rows = [
        (
            PAPERS.get(kind, kind),
            paper.get("number", "–"),
            next((paper[day] for day in DAYS if day in paper), "–"),
            format_yuan(paper["amount_fen"]) if "amount_fen" in paper else "–",
            f"{paper.get('buyer', '–')} / {paper.get('seller', '–')}",
        )
        for kind, paper in papers.items()
    ]
    if not rows:
        return [_said("无。")]
    widths = [20 * mm, 46 * mm, 24 * mm, 30 * mm, 58 * mm]
    return [_table([("材料", "编号", "日期", "金额", "购方 / 销方"), *rows], widths)]


def _match(match: Mapping[str, Any]) -> list[Flowable]:
    if not match["differences"]:
        return [_said(f"合同、发票与计量相符；允许误差 {format_yuan(match['tolerance_fen'])}。")]
    return [_said(f"{number}. {one['zh']}") for number, one in enumerate(match["differences"], start=1)]


def _steps(steps: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (one["at"], TRIGGERS.get(one["trigger"], one["trigger"]), one["role"] or "–", one["reason"] or "–")
        for one in steps
    ]
    return _table([("时间", "步骤", "角色", "说明"), *rows], [46 * mm, 28 * mm, 30 * mm, 74 * mm])


def _pairs(rows: Sequence[tuple[str, str]]) -> Table:
    return _table(rows, [28 * mm, 150 * mm], head=False)


def _table(rows: Sequence[Sequence[str]], widths: Sequence[float], *, head: bool = True) -> Table:
    told = [[_said(cell, _SMALL) for cell in row] for row in rows]
    made = Table(told, colWidths=widths, repeatRows=1 if head else 0)
    style = [
        ("GRID", (0, 0), (-1, -1), mm / 9, colors.HexColor("#999999")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    if head:
        style.append(("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eeeeee")))
    made.setStyle(TableStyle(style))
    return made


def _said(text: str, style: ParagraphStyle = _BODY) -> Paragraph:
    told = _LATIN.sub(lambda run: f'<font name="{LATIN}">{run[0]}</font>', escape(text))
    return Paragraph(told, style)
