"""``docs/reference/api.md``: every address of the API with its shapes, from its own OpenAPI document."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hesuan.hub.api.faults import MAX_BODY_BYTES
from hesuan.hub.api.idempotency import CLAIM, HEADER, MAX_KEY
from hesuan.hub.api.openapi import REFUSALS
from hesuan.hub.api.paging import DEFAULT_LIMIT, MAX_LIMIT
from hesuan.hub.api.site import api

INTRODUCTION = f"""# The API

Everything the console does, at `/api/v1`; for machines this page is `/api/v1/openapi.json` (OpenAPI 3.1).

- **Signing in.** `Authorization: Bearer hsn_…` (`hesuan hub token`, or `POST /tokens`), or the console's
  session; a session that changes something also sends its CSRF token in `X-CSRFToken`. A request with a
  token is judged by the token alone.
- **Tenancy.** What belongs to another organisation is answered 404, like what does not exist.
- **Errors** are RFC 9457 problems: `type`, `title`, `status`, `detail`, `instance`, and beside them the
  stable `code`, the `facts`, the place `where`, and for faulty data all `faults` at once, each without its
  place in the sentence. The language is that of `Accept-Language` (`en`, `zh-Hans`). The codes:
  [errors.md](errors.md); a problem's `type` is an address that explains it.
- **Bodies** are JSON of at most {MAX_BODY_BYTES // 1024} KiB. An unknown key is a fault that names the
  nearest right one. A number with a fraction is refused wherever it stands: amounts are decimal strings in
  yuan (`"1200.00"`, members named `…_yuan`); signed documents carry whole fen (`…_fen`).
- **`{HEADER}`**, 1 to {MAX_KEY} printable characters, on a `POST`; required where money moves.
  The same key with the same body gets the same answer, a refusal too; another body under the key is 422; one
  still in flight is 409. A key that is a ULID becomes the id of what is made. A key whose hub died in flight
  may be used again after {int(CLAIM.total_seconds())} s; the work is then done under the same id. Answers
  that show a secret (a token, an enrolment code) are never kept.
- **Lists** come in pages of `limit` (default {DEFAULT_LIMIT}, at most {MAX_LIMIT}); pass `next` as `cursor`
  until it is null. **Times** are RFC 3339 in UTC.

控制台能做的，API 都能做。金额为十进制字符串（`…_yuan`），已签名文档中为整数分（`…_fen`）。
无权知晓的对象一律返回 404。
"""


def page() -> str:
    """The whole page: addresses by their tag, then the shapes."""
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag[operation["tags"][0]].append(_operation(method, path.removeprefix("/api/v1"), operation))
    parts = [INTRODUCTION]
    for tag, operations in by_tag.items():
        parts.append(f"\n## {tag[0].upper()}{tag[1:]}\n\n")
        parts.append("| Address | What it does | Body | Answer |\n| --- | --- | --- | --- |\n")
        parts += operations
    parts.append("\n## Shapes\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(_shape(name, schema))
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    query = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
    address = f"`{method.upper()} {path}`" + (f"<br>?{' '.join(query)}" if query else "")
    what = operation["description"].replace("\n", " ").strip()
    if "security" not in operation:
        what += " *Public.*"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = [
        _answer(status, answer)
        for status, answer in operation["responses"].items()
        if status not in REFUSALS  # said once, for all of them, at the top
    ]
    return f"| {address} | {what} | {_type(body) if body else '–'} | {', '.join(answers)} |\n"


def _answer(status: int | str, answer: dict[str, Any]) -> str:
    content = answer.get("content", {}).get("application/json", {}).get("schema")
    return f"{status} {_type(content)}" if content else str(status)


def _shape(name: str, schema: dict[str, Any]) -> str:
    if schema.get("type") != "object" or name.startswith("Page_"):
        return ""
    required = set(schema.get("required", []))
    rows = [
        f"| `{field}` | {_type(kind)} | {'yes' if field in required else 'no'} |\n"
        for field, kind in schema.get("properties", {}).items()
    ]
    about = schema.get("description", "").replace("\n", " ")
    return f"\n### {name}\n\n{about}\n\n| Member | Type | Always |\n| --- | --- | --- |\n{''.join(rows)}"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, shapes as links."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("examples") == ["1200.00"]:
        return "amount"
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "any"))


def _link(name: str) -> str:
    inner = name.removeprefix("Page_").rstrip("_")
    link = f"[{inner}](#{inner.lower()})"
    return f"page of {link}" if name.startswith("Page_") else link
