"""Whether this computer may reach the machine, and which certificate the demo there shows."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from line.demo_certificate import RENEW_DAYS, VALID_DAYS, Made, fingerprint, make
from operate.doctor.reach import check_demo_certificate, check_own_address
from operate.findings import Verdict
from operate.stacks import Stack
from tencent.facts import Instance
from tests.e2e.conftest import free_port
from tests.operate.conftest import make_stack

ADDRESS = "127.0.0.1"
MACHINE = Instance("ins-1", "RUNNING", "ap-guangzhou-3", "img-1", "l", datetime(2026, 1, 2, tzinfo=UTC), ADDRESS)
Serve = Callable[[Made], int]


@pytest.mark.parametrize(
    ("protocol", "own", "cidrs", "verdict"),
    [
        ("HTTPS", "203.0.113.7", ["203.0.113.0/24"], Verdict.WARNING),  # documentation address: not a public one
        ("HTTPS", "93.184.216.34", ["93.184.216.0/24"], Verdict.OK),
        ("HTTPS", "93.184.216.34", ["198.51.100.0/24"], Verdict.FAILURE),
        ("HTTPS", "192.168.1.5", ["93.184.216.0/24"], Verdict.WARNING),
        ("HTTPS", None, ["93.184.216.0/24"], Verdict.WARNING),
        ("HTTPS", "192.168.1.5", ["MY_PUBLIC_IP"], Verdict.OK),
        ("HTTP", "127.0.0.1", ["127.0.0.1/32"], Verdict.OK),
    ],
)
def test_the_own_address_is_compared_only_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch, protocol: str, own: str | None, cidrs: list[str], verdict: Verdict
) -> None:
    address = None if own is None else ipaddress.IPv4Address(own)
    monkeypatch.setattr("operate.doctor.reach.local_address", lambda _: address)
    environment = {
        "TENCENTCLOUD_SECRET_ID": "id",
        "TENCENTCLOUD_SECRET_KEY": "key",
        "TENCENTCLOUD_PROTOCOL": protocol,
    }
    stack = make_stack(environment=environment, config={"chatglm:operatorCidrs": json.dumps(cidrs)})
    assert check_own_address(stack.settings, stack, None).verdict is verdict


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server that shows a certificate; gives its port."""
    ended = []

    def start(made: Made) -> int:
        (tmp_path / "both.pem").write_bytes(made.both)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "both.pem")
        listener = socket.create_server((ADDRESS, 0))
        ended.append(listener)

        def answer() -> None:
            with contextlib.suppress(OSError), closing(listener.accept()[0]) as client:
                context.wrap_socket(client, server_side=True).close()

        threading.Thread(target=answer, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in ended:
        listener.close()


def a_stack(port: int, certificate: str) -> Stack:
    return make_stack(outputs={"demoUrl": f"https://{ADDRESS}:{port}", "demoCertificate": certificate})


def test_the_certificate_that_the_update_saw_is_well(serve: Serve) -> None:
    made = make(ADDRESS, datetime.now(UTC))
    [found] = check_demo_certificate(a_stack(serve(made), made.certificate), MACHINE)
    assert (found.verdict, fingerprint(made.certificate) in found.text) == (Verdict.OK, True)


def test_another_certificate_gets_neither_password_nor_key(serve: Serve) -> None:
    made, other = (make(ADDRESS, datetime.now(UTC)) for _ in range(2))
    [found] = check_demo_certificate(a_stack(serve(other), made.certificate), MACHINE)
    assert (found.verdict, "neither password nor key" in found.advice) == (Verdict.FAILURE, True)
    assert fingerprint(other.certificate) in found.text


def test_one_that_ends_soon_is_renewed_by_an_update(serve: Serve) -> None:
    made = make(ADDRESS, datetime.now(UTC) - timedelta(days=VALID_DAYS - RENEW_DAYS + 1))
    [found] = check_demo_certificate(a_stack(serve(made), made.certificate), MACHINE)
    assert (found.verdict, "pulumi up" in found.advice) == (Verdict.WARNING, True)


def test_a_demo_that_is_off_shows_none() -> None:
    made = make(ADDRESS, datetime.now(UTC))
    [found] = check_demo_certificate(a_stack(free_port(), made.certificate), MACHINE)
    assert (found.verdict, "shows none" in found.text) == (Verdict.WARNING, True)


def test_a_certificate_that_no_update_has_seen_is_asked_for() -> None:
    [found] = check_demo_certificate(a_stack(7860, ""), MACHINE)
    assert (found.verdict, "not known here yet" in found.text) == (Verdict.WARNING, True)


def test_nothing_is_looked_at_where_there_is_nothing_to_see() -> None:
    plain = make_stack(outputs={"demoUrl": f"http://{ADDRESS}:7860", "demoCertificate": ""})
    assert check_demo_certificate(plain, MACHINE) == []
    assert check_demo_certificate(a_stack(7860, "x"), None) == []
    assert check_demo_certificate(a_stack(7860, "x"), replace(MACHINE, state="STOPPED")) == []
