"""The security group's rules, and what of them somebody changed by hand."""

from __future__ import annotations

from components.firewall import as_stored, find_drift, operator_rules
from tencent.firewall import MY_PUBLIC_IP, Rule

RDP = Rule("ACCEPT", "203.0.113.7/32", "TCP", "3389", "remote desktop for the operator")
DEMO = Rule("ACCEPT", "203.0.113.7/32", "TCP", "7860", "web demo for the operator")
SSH = Rule("ACCEPT", "0.0.0.0/0", "TCP", "22")


def test_the_operator_alone_reaches_three_ports(settings) -> None:
    rules = operator_rules(settings.model_copy(update={"operator_cidrs": ("203.0.113.7/32",)}))
    assert [(rule.port, rule.cidr) for rule in rules] == [(port, "203.0.113.7/32") for port in ("3389", "5986", "7860")]


def test_nothing_changed_is_no_drift_however_the_cloud_writes_it() -> None:
    written = [Rule("accept", "203.0.113.7", "tcp", "3389"), DEMO]
    assert find_drift([RDP, DEMO], written) == ([], [])


def test_an_opened_and_a_removed_rule_are_told_apart() -> None:
    assert find_drift([RDP, DEMO], [SSH, DEMO]) == ([SSH], [RDP])
    assert str(SSH) == "ACCEPT TCP 22 from 0.0.0.0/0"


def test_the_same_rule_twice_is_one_too_many() -> None:
    assert find_drift([RDP], [RDP, RDP]) == ([RDP], [])


def test_the_callers_own_address_stands_for_my_public_ip_and_no_other_network_does() -> None:
    mine = Rule("ACCEPT", MY_PUBLIC_IP, "TCP", "3389", RDP.description)
    assert find_drift([mine], [RDP]) == ([], [])
    wide = Rule("ACCEPT", "0.0.0.0/0", "TCP", "3389", RDP.description)
    assert find_drift([mine], [wide]) == ([wide], [mine])
    other = Rule("ACCEPT", "198.51.100.9/32", "TCP", "3389", "a friend")
    assert find_drift([mine], [RDP, other]) == ([other], [])


def test_a_preview_compares_with_the_address_that_the_word_was_taken_for() -> None:
    mine = Rule("ACCEPT", MY_PUBLIC_IP, "TCP", "3389", RDP.description)
    assert as_stored([mine, DEMO], [DEMO, RDP, SSH]) == [RDP, DEMO]
    wide = Rule("ACCEPT", "0.0.0.0/0", "TCP", "3389", RDP.description)
    assert as_stored([mine], [wide]) == [mine]  # somebody opened it: that is a change
    assert as_stored([mine], []) == [mine]
