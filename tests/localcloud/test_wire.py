"""Requests and answers pass through the SDK's models."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.errors import ApiError
from localcloud.wire import build_response, fields_of, read_request, require


def refused(action: str, body: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read_request("cvm", action, body)
    return caught.value


def test_an_unknown_field_is_named_with_its_place() -> None:
    error = refused("RunInstances", {"SystemDisk": {"DiskColour": "red"}})
    assert (error.code, "SystemDisk.DiskColour" in error.message) == ("UnknownParameter", True)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"InstanceCount": "1"}, "InstanceCount"),
        ({"InstanceCount": 1.5}, "InstanceCount"),
        ({"InstanceCount": True}, "InstanceCount"),
        ({"DryRun": "true"}, "DryRun"),
        ({"ImageId": 5}, "ImageId"),
        ({"Placement": "ap-guangzhou-6"}, "Placement"),
        ({"DataDisks": {}}, "DataDisks"),
        ({"DataDisks": [{"DiskSize": 10}, {"DiskSize": "10"}]}, "DataDisks.1.DiskSize"),
        ({"SecurityGroupIds": [1]}, "SecurityGroupIds.0"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(body: dict[str, Any], place: str) -> None:
    error = refused("RunInstances", body)
    assert error.code == "InvalidParameter"
    assert f"`{place}`" in error.message


def test_null_means_absent() -> None:
    assert read_request("cvm", "RunInstances", {"ImageId": None, "InstanceName": "n"}) == {"InstanceName": "n"}


@pytest.mark.parametrize(
    "params", [{}, {"Placement": {}}, {"Placement": {"ProjectId": 1}}, {"Placement": {"Zone": None}}]
)
def test_a_required_field_is_named(params: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match=r"Placement\.Zone") as caught:
        require(params, "Placement.Zone")
    assert caught.value.code == "MissingParameter"


def test_every_documented_field_is_in_the_answer() -> None:
    answer = {"TotalCount": 1, "InstanceSet": [{"InstanceId": "ins-1", "SystemDisk": {"DiskSize": 75}}]}
    complete = build_response("cvm", "DescribeInstances", answer, "r")
    assert set(complete["InstanceSet"][0]) == set(fields_of("cvm", "Instance"))
    assert set(complete["InstanceSet"][0]["SystemDisk"]) == set(fields_of("cvm", "SystemDisk"))
    assert complete["InstanceSet"][0]["OsName"] is None
    assert complete["RequestId"] == "r"


def test_an_answer_that_tencent_does_not_document_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        build_response("cvm", "DescribeInstances", {"InstanceSet": [{"Colour": "red"}]}, "r")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_read_or_refused_with_a_code(body: Any) -> None:
    try:
        outcome: object = read_request("cvm", "RunInstances", body)
    except ApiError as error:
        outcome = error.code
    assert isinstance(outcome, dict) or outcome in ("UnknownParameter", "InvalidParameter")
