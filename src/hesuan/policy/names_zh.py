"""What a trace calls things in Chinese: documents give their tiers, caps and budgets identifiers, not names.

A name says the kind of the thing and what it holds, with the document's identifier in brackets beside it:
``按申领方、每自然年的上限（applicant_year）``. The identifier alone tells a reader of Chinese nothing;
without it the line could not be found in the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

KEYS = {
    "applicant": "申领方",
    "group": "企业集团",
    "contract": "合同",
    "project": "项目",
    "funding_award": "资助项目",
    "award": "核定",
    "supplier": "供给方",
    "pair": "供需双方",
    "centre": "算力中心",
    "pool": "评审池",
    "user_class": "用户类别",
}
WINDOWS = {
    "calendar_year": "每自然年",
    "fiscal_year": "每财政年度",
    "quarter": "每季度",
    "call": "每轮申报",
    "lifetime": "全程",
}
PERIODS = {"D": "日", "M": "个月", "Y": "年"}
LINE_KINDS = {
    "compute": "算力",
    "ai_compute": "智能算力",
    "super_compute": "超算算力",
    "storage": "存储",
    "network": "网络",
    "security": "安全",
    "support": "技术支持",
    "model": "模型服务",
    "data": "数据",
    "corpus": "语料",
    "labelling": "数据标注",
    "iaas": "基础设施服务",
    "paas": "平台服务",
    "saas": "软件服务",
    "core_hour": "核时",
    "gpu_hour": "卡时",
    "vcpu_hour": "虚拟核时",
    "node_hour": "节点时",
    "gb": "存储容量",
    "token": "词元",
    "target_scale": "目标规模",
}
ROUNDING = {"floor": "向下取整", "ceil": "向上取整", "half_up": "四舍五入", "half_even": "四舍六入五成双"}
STACKING = {
    "forbid": "不得叠加",
    "highest": "从高不叠加",
    "sum_ratio_cap": "合计不超过比例",
    "allow": "可以叠加",
}
PAYERS = {
    "state": "中央",
    "province": "省级",
    "city": "市级",
    "county": "县级",
    "district": "区级",
    "city_finance": "市级财政",
    "county_finance": "县级财政",
}
FACTS = {
    "applicant.id": "申领方",
    "applicant.group": "申领方所属集团",
    "applicant.kind": "申领方类型",
    "applicant.registered_in": "申领方注册地",
    "applicant.industry": "申领方行业",
    "applicant.size": "申领方规模",
    "applicant.user_class": "申领方用户类别",
    "applicant.stage": "申领方发展阶段",
    "applicant.tags": "申领方标签",
    "applicant.employees": "申领方人数",
    "applicant.age_months": "申领方成立月数",
    "applicant.founded_on": "申领方成立日期",
    "applicant.revenue": "申领方营业收入",
    "applicant.has_series_a": "申领方是否完成 A 轮融资",
    "applicant.is_legal_person": "申领方是否为法人",
    "applicant.is_admitted_supplier": "申领方本身是否为准入供给方",
    "applicant.is_eligible_pi": "申领人是否为合格的项目负责人",
    "applicant.is_newly_landed": "申领方是否为新落户企业",
    "applicant.in_incubator": "申领方是否在孵化器内",
    "applicant.finance_sound": "申领方财务是否健全",
    "applicant.is_dishonest": "申领方是否失信",
    "applicant.major_penalty_within_three_years": "申领方三年内是否受重大处罚",
    "applicant.major_accident_within_three_years": "申领方三年内是否有重大事故",
    "applicant.subsidy_declared": "是否已申报既有补贴",
    "award.id": "核定编号",
    "award.approved": "是否已核定",
    "award.rate": "核定比例",
    "award.max_subsidy": "核定最高补贴",
    "award.cap": "核定上限",
    "award.cap_role": "另定上限的角色",
    "award.reason": "核定理由",
    "call.id": "申报轮次",
    "centre.id": "算力中心",
    "centre.kind": "算力中心类型",
    "centre.city": "算力中心所在城市",
    "centre.pflops": "算力中心算力规模",
    "centre.racks": "算力中心机架数",
    "contract.id": "合同编号",
    "contract.amount": "合同金额",
    "contract.signed_on": "合同签订日",
    "contract.starts_on": "合同起始日",
    "contract.ends_on": "合同终止日",
    "contract.months": "合同月数",
    "funding_award.id": "资助项目编号",
    "line.kind": "费用类别",
    "line.on": "计量日",
    "model.is_filed": "模型是否已备案",
    "now": "当日",
    "order.channel": "下单渠道",
    "order.kind": "订单类型",
    "project.id": "项目编号",
    "project.amount": "项目金额",
    "project.level": "项目级别",
    "project.role": "在项目中的角色",
    "relation.related_party": "与供给方是否关联",
    "relation.counterpart_claimed": "合同另一方是否已申领",
    "relation.same_group": "与供给方是否同属一个集团",
    "request.draw": "本次用券金额",
    "request.gpu_hours": "申请的卡时数",
    "request.kind": "申请类型",
    "request.matches": "是否申请配套",
    "request.months": "申请的月数",
    "request.ordinal": "第几次申领",
    "request.pool": "评审池",
    "request.units": "申请的数量",
    "resource.id": "资源",
    "resource.kind": "资源类型",
    "resource.provenance": "算力来源（国产或其他）",
    "supplier.id": "供给方",
    "supplier.group": "供给方所属集团",
    "supplier.is_independent_legal_person": "供给方是否为独立法人",
    "supplier.admission_covers_contract_date": "供给方准入是否涵盖合同日期",
    "supplier.meets_price_rule": "供给方是否符合价格规则",
    "target.pflops": "目标算力规模",
    "use.kind": "用途类型",
    "use.purpose": "用途",
    "use.is_own_use": "是否自用",
    "use.is_self_built": "是否自建",
    "year.base_total": "本年累计基数",
    "year.granted_total": "本年累计已批补贴",
    "year.redeemed_total": "本年累计已兑补贴",
}
CONDITIONS = {"either_not_both": "双方只付其一", "choice": "由持券方决定用券金额", "L1_match": "最低价匹配"}
"""Rules that a refusal names by a value of the document."""
SECTIONS = {
    "period": "期间",
    "beneficiary": "受益方",
    "eligible": "申领资格",
    "suppliers": "供给方",
    "base": "基数",
    "rates": "档次与比例",
    "stacking": "叠加",
    "caps": "上限",
    "budgets": "预算",
    "rounding": "取整",
    "floors": "下限",
    "funding": "出资",
    "issuance": "发放",
    "exchange": "兑换",
    "expiry": "失效",
    "redemption": "核销",
    "settlement": "支付",
}


def named(kind: str, identifier: str) -> str:
    """A kind and the document's own identifier."""
    return f"{kind}（{identifier}）"


def rule(path: str) -> str:
    """A field of the document, by the section it stands in."""
    section = SECTIONS.get(path.partition(".")[0].partition("[")[0])
    return named(f"{section}规则", path) if section else f"“{path}”"


def fact(name: str) -> str:
    """A fact that a condition is about."""
    return named(FACTS[name], name) if name in FACTS else f"“{name}”"


def tier(identifier: str, *, place: int, rate: object, rate_kind: object, is_lump: bool) -> str:
    """A tier by its place among the document's and what it pays."""
    if is_lump:
        return named(f"第 {place} 档：一次性", identifier)
    kind = {"exact": "固定比例", "ceiling": "比例上限"}.get(str(rate_kind), "比例")
    shown = f"{kind} {rate}" if isinstance(rate, Fraction) else "比例由核定给出"
    return named(f"第 {place} 档：{shown}", identifier)


def limit(kind: str, identifier: str, *, key: object, over: object, counts: object) -> str:
    """A cap or a budget by what it is kept apart by and over which time."""
    keys = key if isinstance(key, tuple) else ()
    parts = ["按" + "和".join(KEYS.get(str(one), str(one)) for one in keys)] if keys else []
    parts += [window(over)] if isinstance(over, str) else []
    kind = "次数上限" if counts in ("claims", "active") else kind
    return named(f"{'、'.join(parts)}的{kind}" if parts else kind, identifier)


def window(name: str) -> str:
    """A window; one that rolls with its length."""
    if not name.startswith("rolling("):
        return WINDOWS.get(name, name)
    length = name.removeprefix("rolling(P").removesuffix(")")
    return f"滚动 {length[:-1]} {PERIODS.get(length[-1], length[-1])}"


def line_kind(kind: str) -> str:
    """The kind of a line."""
    return named(LINE_KINDS[kind], kind) if kind in LINE_KINDS else f"“{kind}”"


def payer(name: str) -> str:
    """Who pays; a name of a document's own stays as it stands, and is said to be one who pays."""
    return PAYERS.get(name) or named("出资方", name)


def amount(text: str) -> str:
    """A sentence in which parts of a fen are told."""
    return text.replace(" fen", " 分")


def words(facts: Mapping[str, object], *, names: Mapping[str, str]) -> dict[str, object]:
    """What a refusal states, for its sentence in Chinese.

    Args:
        facts: By the names in the sentence.
        names: Identifier of a tier, a cap or a budget → its name.
    """
    return {key: _word(key, value, names) for key, value in facts.items()}


def _word(key: str, value: object, names: Mapping[str, str]) -> object:
    text = str(value)
    if key == "value":
        return {"true": "是", "false": "否"}.get(text.lower(), value)
    if key in ("tier", "cap", "budget"):
        return names.get(f"{key} {text}", text)
    how = {"fact": fact, "rate": _rate, "field": rule, "condition": _condition, "key": _keyed}
    if key in how:
        return how[key](text)
    if key in ("registries", "listed"):
        return "、".join(f"“{one}”" for one in text.split(", "))
    return amount(text) if isinstance(value, str) else value


def _condition(text: str) -> str:
    if text in CONDITIONS:
        return CONDITIONS[text]
    if text in FACTS:
        return fact(text)
    return rule(text) if text.partition(".")[0].partition("[")[0] in SECTIONS else text


def _rate(text: str) -> str:
    return fact(text) if text in FACTS else text


def _keyed(text: str) -> str:
    found = []
    for one in text.split(", "):
        dimension, _, value = one.partition(" ")
        found.append(f"{KEYS[dimension]} {value}" if dimension in KEYS else window(one))
    return "，".join(found)
