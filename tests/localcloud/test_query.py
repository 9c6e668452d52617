"""Pages and filters, in general and through the SDK."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.errors import ApiError
from localcloud.query import page, select


@given(st.lists(st.integers()), st.integers(1, 100))
def test_pages_in_turn_are_the_whole(items: list[int], limit: int) -> None:
    pages = [page({"Offset": offset, "Limit": limit}, items) for offset in range(0, len(items) + limit, limit)]
    assert [item for part in pages for item in part] == items
    assert all(len(part) <= limit for part in pages)


@given(st.lists(st.integers()), st.integers(0, 10**9), st.integers(1, 100))
def test_numbers_may_be_texts(items: list[int], offset: int, limit: int) -> None:
    assert page({"Offset": str(offset), "Limit": str(limit)}, items) == page({"Offset": offset, "Limit": limit}, items)


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_an_error(text: str) -> None:
    try:
        found: object = page({"Limit": text}, [1, 2, 3])
    except ApiError as error:
        found = error.code
    assert found in ("InvalidParameterValue", [1], [1, 2], [1, 2, 3])


@given(st.lists(st.sampled_from("abcde")), st.lists(st.sampled_from("abcde"), min_size=1, max_size=3))
def test_the_values_of_a_filter_are_joined_by_or(items: list[str], values: list[str]) -> None:
    found = select({"Filters": [{"Name": "letter", "Values": values}]}, items, {"letter": lambda item: item})
    assert found == [item for item in items if item in values]


def test_filters_are_joined_by_and() -> None:
    items = [("a", "x"), ("a", "y"), ("b", "x")]
    filters = [{"Name": "one", "Values": ["a"]}, {"Name": "two", "Values": ["x"]}]
    assert select({"Filters": filters}, items, {"one": lambda i: i[0], "two": lambda i: i[1]}) == [("a", "x")]


def tagged(key: str, value: str) -> dict[str, Any]:
    return {"TagSpecification": [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value}]}]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tag:stack", "dev"),
        ("tag-key", "stack"),
        ("tag-value", "dev"),
        ("instance-name", "one"),
        ("instance-state", "PENDING"),
        ("zone", "ap-guangzhou-6"),
        ("public-ip-address", "127.0.1.1"),
    ],
)
def test_machines_are_found_by_filters(cloud: Any, name: str, value: str) -> None:
    instance_id = cloud.launch(InstanceName="one", **tagged("stack", "dev"))
    cloud.call("cvm", "DescribeInstances", Filters=[{"Name": name, "Values": ["other"]}])
    found = cloud.call("cvm", "DescribeInstances", Filters=[{"Name": name, "Values": [value, "other"]}])
    assert [item["InstanceId"] for item in found["InstanceSet"]] == [instance_id]
    nothing = cloud.call("cvm", "DescribeInstances", Filters=[{"Name": name, "Values": ["other"]}])
    assert nothing["InstanceSet"] == []


def test_the_total_counts_all_pages(cloud: Any) -> None:
    for number in range(5):
        cloud.call("vpc", "CreateSecurityGroup", GroupName=f"g{number}", GroupDescription="d")
    found = cloud.call("vpc", "DescribeSecurityGroups", Offset="1", Limit="2")
    assert found["TotalCount"] == 5
    assert [group["SecurityGroupName"] for group in found["SecurityGroupSet"]] == ["g1", "g2"]
