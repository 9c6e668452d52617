"""TAT: commands for the automation agent of a machine. They run where the machine's guest can run PowerShell."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any
from uuid import uuid4

from localcloud.call import Call
from localcloud.clock import iso_time
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.guest_runtime import Command, CommandOutcome
from localcloud.query import page, select
from localcloud.records import Instance, Invocation
from localcloud.registry import action

MAX_CONTENT_BYTES = 64 * 1024
MAX_OUTPUT_BYTES = 24 * 1024


def _own(cloud: Cloud, call: Call, instance_id: str) -> Instance:
    instance = cloud.db.instances.get(instance_id)
    if instance is None or instance.region != call.region:
        raise ApiError("ResourceNotFound.InstanceNotFound", f"The machine {instance_id[:40]} does not exist.")
    return instance


@action("tat", "RunCommand", "Content", "InstanceIds")
def run_command(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    try:
        content = base64.b64decode(params["Content"], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError("InvalidParameterValue.CommandContentInvalid", "`Content` is not base64.") from None
    if len(content) > MAX_CONTENT_BYTES:
        raise ApiError("InvalidParameterValue.TooLong", f"`Content` is over {MAX_CONTENT_BYTES} bytes.")
    kind = params.get("CommandType", "SHELL")
    if kind not in ("SHELL", "POWERSHELL", "BAT"):
        raise ApiError("InvalidParameterValue", "`CommandType` is SHELL, POWERSHELL or BAT.")
    timeout = params.get("Timeout", 60)
    if not 1 <= timeout <= 86400:
        raise ApiError("InvalidParameterValue.Range", "`Timeout` is 1 to 86400 seconds.")
    if len(params["InstanceIds"]) > 200:
        raise ApiError("InvalidParameterValue.LimitExceeded", "At most 200 machines at a time.")
    machines = [_own(cloud, call, instance_id) for instance_id in params["InstanceIds"]]
    for machine in machines:
        if machine.state != "RUNNING":
            raise ApiError("ResourceUnavailable.InstanceStateNotRunning", f"{machine.instance_id} is {machine.state}.")
        if not machine.automation_service:
            raise ApiError("ResourceUnavailable.AgentNotInstalled", f"{machine.instance_id} has no TAT agent.")
    command_id, invocation_id = cloud.new_id("cmd"), cloud.new_id("inv")
    for machine in machines:
        item = cloud.db.invocations.put(
            Invocation(
                invocation_id=f"{invocation_id}/{machine.instance_id}",
                task_id=f"invt-{uuid4().hex[:8]}",
                region=call.region,
                command_id=command_id,
                command_name=params.get("CommandName", ""),
                instance_id=machine.instance_id,
                content=params["Content"],
                command_type=kind,
                created=call.time,
                error="",
                status="RUNNING",
                timeout=timeout,
                working_directory=params.get("WorkingDirectory", ""),
                username=params.get("Username", "System" if machine.platform == "Windows" else "root"),
            )
        )
        cloud.after(partial(_start, cloud, item, Command(content, timeout)))
    return {"CommandId": command_id, "InvocationId": invocation_id}


def _start(cloud: Cloud, item: Invocation, command: Command) -> None:
    def end(outcome: CommandOutcome) -> None:
        kept = outcome.output[:MAX_OUTPUT_BYTES]
        status = "TIMEOUT" if outcome.exit_code is None else "FAILED" if outcome.exit_code else "SUCCESS"
        with cloud.lock, cloud.db.transaction():
            if item.invocation_id in cloud.db.invocations:  # not forgotten by a reset meanwhile
                cloud.db.invocations.change(
                    item.invocation_id,
                    status=status,
                    exit_code=-1 if outcome.exit_code is None else outcome.exit_code,
                    output=base64.b64encode(kept).decode("ascii"),
                    dropped=len(outcome.output) - len(kept),
                    ended=cloud.clock.now(),
                )

    if item.command_type != "POWERSHELL":
        reason = "The local cloud runs PowerShell commands only."
    else:
        reason = cloud.guests.run_command(item.instance_id, command, end)
    if reason:
        with cloud.lock, cloud.db.transaction():
            cloud.db.invocations.change(item.invocation_id, status="START_FAILED", error=reason, ended=item.created)


@action("tat", "DescribeInvocationTasks")
def describe_invocation_tasks(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = select(
        call.params,
        [item for item in cloud.db.invocations if item.region == call.region],
        {
            "invocation-id": lambda i: i.invocation_id.split("/")[0],
            "invocation-task-id": lambda i: i.task_id,
            "instance-id": lambda i: i.instance_id,
            "command-id": lambda i: i.command_id,
        },
        ids="InvocationTaskIds",
        read_id=lambda i: i.task_id,
    )
    # Tencent hides the output unless it is asked for.
    tasks = [_task(item, hidden=call.params.get("HideOutput", True)) for item in page(call.params, found)]
    return {"TotalCount": len(found), "InvocationTaskSet": tasks}


def _task(item: Invocation, *, hidden: bool) -> dict[str, Any]:
    at, end = iso_time(item.created), iso_time(item.ended) if item.ended else None
    return {
        "InvocationId": item.invocation_id.split("/")[0],
        "InvocationTaskId": item.task_id,
        "CommandId": item.command_id,
        "TaskStatus": item.status,
        "InstanceId": item.instance_id,
        "TaskResult": {
            "ExitCode": item.exit_code,
            "Output": "" if hidden else item.output,
            "ExecStartTime": at,
            "ExecEndTime": end,
            "Dropped": item.dropped,
        },
        "StartTime": at,
        "EndTime": end,
        "CreatedTime": at,
        "UpdatedTime": end or at,
        "CommandDocument": {
            "Content": item.content,
            "CommandType": item.command_type,
            "Timeout": item.timeout,
            "WorkingDirectory": item.working_directory,
            "Username": item.username,
        },
        "ErrorInfo": item.error,
        "InvocationSource": "USER",
        "CommandName": item.command_name,
    }


@action("tat", "DescribeAutomationAgentStatus")
def describe_automation_agent_status(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = select(
        call.params,
        [item for item in cloud.db.instances if item.region == call.region and item.automation_service],
        {
            "agent-status": lambda i: "Online" if i.state == "RUNNING" else "Offline",
            "environment": lambda i: "Windows" if i.platform == "Windows" else "Linux",
            "instance-id": lambda i: i.instance_id,
        },
        ids="InstanceIds",
        read_id=lambda i: i.instance_id,
    )
    agents: list[dict[str, Any]] = [
        {
            "InstanceId": item.instance_id,
            "Version": "1.0.0",
            "LastHeartbeatTime": iso_time(call.time),
            "AgentStatus": "Online" if item.state == "RUNNING" else "Offline",
            "Environment": "Windows" if item.platform == "Windows" else "Linux",
            "SupportFeatures": [],
        }
        for item in page(call.params, found)
    ]
    return {"TotalCount": len(found), "AutomationAgentSet": agents}
