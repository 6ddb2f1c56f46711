"""Every page: 200 for its people, 404 for a stranger, in both languages, from this host alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

import pytest
from django.test import Client
from tests.hub.console.office import Office, open_office
from tests.hub.console.world import World
from tests.people import Person

LANGUAGES = ("zh-hans", "en")
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"


@dataclass
class Scene:
    """Addresses of one of everything."""

    quote: str
    order: str
    receipt: str
    centre: str
    programme: str
    application: str
    voucher: str


@pytest.fixture
def scene(world: World, owner: Person, office: Office) -> Scene:
    """An organisation with a voucher, a settled order and an open request for quotes."""
    receipt = world.settled(owner)
    return Scene(
        quote=f"/quotes/{world.ask(owner).id}/",
        order=f"/orders/{receipt.settlement.order_id}/",
        receipt=f"/receipts/{receipt.id}/",
        centre=f"/centres/{world.centre.id}/",
        programme=f"/programmes/{office.version.programme_id}/",
        application=f"/applications/{office.application.id}/",
        voucher=f"/vouchers/{office.voucher.id}/",
    )


@pytest.fixture
def office(
    world: World,
    owner: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
) -> Office:
    """The Henan programme, active, with one voucher of the owner's organisation."""
    return open_office(world.centre, owner, officer, reviewer, approver)


def read(client: Client, address: str, language: str) -> tuple[int, str]:
    """Status and text of a page."""
    client.cookies["django_language"] = language
    answer = client.get(address)
    assert answer.headers["Content-Security-Policy"] == POLICY, address
    return answer.status_code, answer.content.decode()


def faults_of_page(text: str, language: str) -> list[str]:
    """What no page of ours may have: foreign hosts, inline scripts or styles, forms without a token."""
    found = re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', text)
    found += re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", text)
    found += re.findall(r"<style|\sstyle=|\son[a-z]+=", text)
    if f'<html lang="{"en" if language == "en" else "zh-Hans"}">' not in text:
        found.append("wrong language of the document")
    for form in re.findall(r'<form[^>]*method="post".*?</form>', text, re.S):
        if "csrfmiddlewaretoken" not in form:
            found.append(form[:80])
    return found


PUBLIC = (
    "/",
    "/publicity/",
    "/offerings/",
    "/programmes/",
    "/centres/",
    "/log/",
    "/accounts/login/",
    "/accounts/signup/",
)
OWN = (
    "/quotes/", "/quotes/new/", "/orders/", "/files/", "/applications/", "/vouchers/", "/account/",
    "/accounts/logout/", "/accounts/2fa/", "/registry/", "/claims/",
)  # fmt: skip


def all_answer(client: Client, addresses: tuple[str, ...], expected: int = 200) -> None:
    """Each address answers with a status, in both languages, as whole pages without a fault."""
    for language in LANGUAGES:
        for address in addresses:
            status, text = read(client, address, language)
            assert (address, status) == (address, expected)
            if "<html" in text:
                assert (address, faults_of_page(text, language)) == (address, [])


def test_public_pages_answer_everybody(scene: Scene, nobody: Client) -> None:
    all_answer(nobody, (*PUBLIC, scene.centre, scene.programme))


def test_the_owner_and_the_colleague_see_every_page_of_their_organisation(
    scene: Scene, owner: Person, colleague: Person
) -> None:
    theirs = (scene.quote, scene.order, f"{scene.order}live/", scene.receipt, scene.application)
    shared = ("/", *OWN, scene.voucher, scene.programme, f"{scene.programme}apply/", scene.centre)
    for person in (owner, colleague):
        all_answer(person.client, (*theirs, *shared))


def test_a_stranger_gets_404(scene: Scene, stranger: Person) -> None:
    hidden = (scene.quote, scene.order, f"{scene.order}live/", scene.receipt, f"{scene.receipt}file/")
    all_answer(stranger.client, (*hidden, scene.application, scene.voucher), 404)


def test_a_strangers_post_gets_404_and_changes_nothing(scene: Scene, stranger: Person) -> None:
    sent = {scene.quote: {"quote_id": "1"}, scene.order: {}, scene.application: {"verdict": "pass"}}
    for address, form in sent.items():
        assert stranger.client.post(address, form).status_code == 404


def test_nobody_is_sent_to_the_login_and_back(scene: Scene, nobody: Client) -> None:
    for address in (scene.order, scene.receipt, scene.voucher, "/quotes/new/"):
        answer = nobody.get(address)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={address}")


def test_the_account_pages_look_ours(owner: Person) -> None:
    owner.identity.set_password("a long enough password")
    owner.identity.save()
    addresses = ("/accounts/password/change/", "/accounts/2fa/", "/accounts/reauthenticate/")
    all_answer(owner.client, addresses)
    assert all('class="rail"' in owner.client.get(address).content.decode() for address in addresses)


def test_the_second_factor_is_set_up_without_an_image_from_elsewhere(owner: Person) -> None:
    owner.identity.set_password("a long enough password")
    owner.identity.save()
    browser = Client()
    browser.post("/accounts/login/", {"login": owner.identity.username, "password": "a long enough password"})
    browser.post("/accounts/reauthenticate/", {"password": "a long enough password"})
    status, text = read(browser, "/accounts/2fa/totp/activate/", "zh-hans")
    assert (status, faults_of_page(text, "zh-hans")) == (200, [])
    assert "<svg" in text and "data:image" not in text and "<?xml" not in text


def test_the_office_and_the_auditor_see_its_pages(
    scene: Scene, officer: Person, reviewer: Person, approver: Person, auditor: Person
) -> None:
    shared = ("/", "/applications/", "/vouchers/", scene.application, scene.voucher, scene.programme)
    for person in (officer, reviewer, approver, auditor):
        all_answer(person.client, shared)


def test_the_centre_and_the_platform_see_inside_a_centre(
    scene: Scene, centre_operator: Person, platform_operator: Person
) -> None:
    for person in (centre_operator, platform_operator):
        all_answer(person.client, (scene.centre,))
        assert "ed25519:" in person.client.get(scene.centre).content.decode()


def test_a_stranger_sees_a_centre_but_not_its_agents(scene: Scene, stranger: Person) -> None:
    text = stranger.client.get(scene.centre).content.decode()
    assert "ed25519:" not in text and "node-1" not in text


def test_pages_of_a_person_are_never_kept_by_a_cache(scene: Scene, owner: Person) -> None:
    assert "no-store" in owner.client.get(scene.receipt)["Cache-Control"]


def follow(client: Client, start: str, most: int = 60) -> dict[str, int]:
    """Status of every page of ours that can be reached by links from one."""
    seen: dict[str, int] = {}
    waiting = [start]
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        if address in seen:
            continue
        answer = client.get(address)
        seen[address] = answer.status_code
        if answer.headers["Content-Type"].startswith("text/html"):
            links = re.findall(r'<a [^>]*href="([^"#]+)[^"]*"', answer.content.decode())
            links = [urljoin(address, link.replace("&amp;", "&")) for link in links]
            waiting += [link for link in links if not link.startswith("/accounts/")]
    return seen


def test_no_link_leads_its_reader_to_what_they_may_not_see(
    scene: Scene,
    owner: Person,
    stranger: Person,
    officer: Person,
    reviewer: Person,
    centre_operator: Person,
    platform_operator: Person,
    auditor: Person,
    nobody: Client,
) -> None:
    people = (owner, stranger, officer, reviewer, centre_operator, platform_operator, auditor)
    for client in (nobody, *(person.client for person in people)):
        reached = follow(client, "/")
        assert len(reached) > 4
        assert {address: status for address, status in reached.items() if status != 200} == {}


HAN = re.compile(r"[一-鿿]")
WORDS = re.compile(r">([^<>]*[A-Za-z]{4,} [a-z]{3,}[^<>]*)<")
ENGLISH_BY_NATURE = ("hesuan", "localhost", "Zhengzhou", "Ledger", "matching", "Jobs run", "Demonstration")


def test_a_chinese_page_leaves_no_english_sentence(scene: Scene, owner: Person, nobody: Client) -> None:
    """Names, commands, rule texts and what a job printed stay; the console's own words do not."""
    shown = [(nobody, one) for one in PUBLIC] + [
        (owner.client, one) for one in ("/", *OWN, scene.order, scene.receipt)
    ]
    for client, address in shown:
        _, text = read(client, address, "zh-hans")
        plain = re.sub(r"<(pre|code|script|title).*?</\1>|<ol class=\"rules.*?</ol>", "", text, flags=re.S)
        left = [one.strip() for one in WORDS.findall(plain) if not HAN.search(one)]
        left = [one for one in left if not any(name in one for name in ENGLISH_BY_NATURE)]
        assert (address, left) == (address, [])


@pytest.mark.parametrize(
    "spoiled",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<img src="//cdn.example/x.png">',
        "<script>alert(1)</script>",
        '<p style="color:red">',
        '<a onclick="x()">',
        '<form method="post" action="/x"></form>',
    ],
)
def test_the_page_check_finds_what_it_looks_for(spoiled: str) -> None:
    assert faults_of_page(f'<html lang="en">{spoiled}', "en") != []


def test_the_navigation_follows_the_role(
    scene: Scene, owner: Person, reviewer: Person, centre_operator: Person, nobody: Client
) -> None:
    def entries(client: Client) -> set[str]:
        rail = client.get("/log/").content.decode().partition("</nav>")[0]
        return set(re.findall(r'<li><a href="(/[^"]*)"', rail))

    everybody = {"/", "/offerings/", "/programmes/", "/publicity/", "/centres/", "/log/"}
    assert entries(nobody) == everybody
    everybody |= {"/registry/", "/claims/"}
    used = {"/quotes/", "/orders/", "/files/", "/applications/", "/vouchers/"}
    assert entries(owner.client) == everybody | used
    assert entries(reviewer.client) == everybody | {"/applications/", "/vouchers/", "/flags/"}
    assert entries(centre_operator.client) == everybody | {"/orders/"}
