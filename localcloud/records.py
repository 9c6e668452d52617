"""What the cloud remembers: one frozen dataclass a kind of thing. Times are cloud seconds, sizes GB, money CNY."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: The account whose root keys are those of `keys.json`. It is always there.
DEFAULT_ACCOUNT = "100000000001"


@dataclass(frozen=True)
class Instance:
    """A machine (cvm). `busy_with` is the image that is being made of it; other operations wait for it."""

    instance_id: str
    region: str
    zone: str
    instance_type: str
    charge_type: str
    name: str
    host_name: str
    image_id: str
    os_name: str
    platform: str
    system_disk_id: str
    vpc_id: str
    subnet_id: str
    private_ip: str
    public_ip: str
    bandwidth_out: int
    internet_charge_type: str
    security_group_ids: tuple[str, ...]
    password: str
    user_data: str
    created: float
    uuid: str
    state: str = "PENDING"
    latest_operation: str = "RunInstances"
    latest_operation_state: str = "OPERATING"
    latest_operation_request_id: str = ""
    latest_operation_error: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    max_price: str = ""
    project_id: int = 0
    disable_api_termination: bool = False
    stop_charging_mode: str = "NOT_APPLICABLE"
    automation_service: bool = True
    termination_time: float | None = None
    fails_at_launch: bool = False
    busy_with: str = ""
    cam_role_name: str = ""
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Disk:
    """A cloud disk (cbs). `ready` is false while its folder is still being filled from a snapshot."""

    disk_id: str
    region: str
    zone: str
    disk_type: str
    size_gb: int
    used_gb: int
    usage: str
    name: str
    created: float
    state: str = "UNATTACHED"
    instance_id: str = ""
    last_instance_id: str = ""
    delete_with_instance: bool = False
    portable: bool = True
    snapshot_id: str = ""
    project_id: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    ready: bool = True
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Snapshot:
    """A snapshot (cbs). `ready` is false until its folder is a whole copy of the disk's."""

    snapshot_id: str
    region: str
    zone: str
    disk_id: str
    disk_usage: str
    size_gb: int
    used_gb: int
    name: str
    created: float
    seconds: float
    state: str = "CREATING"
    project_id: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    ready: bool = False
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Image:
    """An image (cvm): its data are its snapshots. `restart` tells whether the machine starts again afterwards."""

    image_id: str
    region: str
    name: str
    image_type: str
    platform: str
    os_name: str
    size_gb: int
    created: float
    description: str = ""
    state: str = "NORMAL"
    source: str = "CREATE_IMAGE"
    snapshot_ids: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    family: str = ""
    deprecated: bool = False
    instance_id: str = ""
    password: str = ""
    seconds: float = 0.0
    restart: bool = False
    fails: bool = False
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Vpc:
    vpc_id: str
    region: str
    name: str
    cidr: str
    route_table_id: str
    created: float
    is_default: bool = False
    multicast: bool = True
    dns_servers: tuple[str, ...] = ("183.60.83.19", "183.60.82.98")
    domain_name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Subnet:
    subnet_id: str
    region: str
    vpc_id: str
    name: str
    cidr: str
    zone: str
    created: float
    is_default: bool = False
    broadcast: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class SecurityGroup:
    """A security group with its ordered rules; `version` rises with every change of them."""

    group_id: str
    region: str
    name: str
    description: str
    created: float
    updated: float
    project_id: str = "0"
    is_default: bool = False
    version: int = 0
    ingress: tuple[dict[str, Any], ...] = ()
    egress: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Charge:
    """One stretch of time at one price; `until` is None while it runs. `hourly` is a decimal number as text."""

    charge_id: str
    kind: str
    resource_id: str
    name: str
    belongs_to: str
    hourly: str
    since: float
    until: float | None = None
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Task:
    """A transition that happens at `due`, but not before the folder of `needs` (a disk or snapshot) is ready."""

    task_id: str
    kind: str
    resource_id: str
    due: float
    needs: str = ""
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class ClientToken:
    """The answer that was given for a client token: a repeated request gets it again instead of a second thing."""

    token: str
    ids: tuple[str, ...]
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Invocation:
    """A command sent through TAT. `error` says why it did not run; `ended` is 0 while it runs."""

    invocation_id: str
    task_id: str
    region: str
    command_id: str
    command_name: str
    instance_id: str
    content: str
    command_type: str
    created: float
    error: str
    timeout: int
    working_directory: str
    username: str
    account: str = DEFAULT_ACCOUNT
    status: str = "START_FAILED"
    exit_code: int = -1
    output: str = ""  # base64, cut
    dropped: int = 0  # bytes that were cut off
    ended: float = 0.0


@dataclass(frozen=True)
class KeyPair:
    """A pair of SSH keys (cvm), of which the cloud keeps the public one."""

    key_id: str
    region: str
    name: str
    public_key: str
    created: float
    project_id: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class ElasticAddress:
    """A public address (EIP) that outlives machines. `bandwidth` is its ceiling in Mbit/s."""

    address_id: str
    region: str
    name: str
    ip: str
    created: float
    bandwidth: int
    instance_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True)
class Account:
    """A main account: its id is the Uin of its owner."""

    account_id: str
    app_id: int
    name: str


@dataclass(frozen=True)
class User:
    """A user of an account (子账号), with a Uin of its own."""

    uin: str
    account: str
    name: str


@dataclass(frozen=True)
class AccessKey:
    """A lasting pair of keys, of a user or of the account's owner."""

    secret_id: str
    secret_key: str
    account: str
    uin: str


@dataclass(frozen=True)
class Role:
    """A CAM role: users of the accounts in `trusted` may assume it, and machines may carry it where `of_machines`."""

    role_id: str
    account: str
    name: str
    trusted: tuple[str, ...]
    of_machines: bool = True


@dataclass(frozen=True)
class TemporaryKey:
    """Keys of an assumed role; `asked_by` is the Uin that assumed it, `expires` a time of the cloud's clock."""

    secret_id: str
    secret_key: str
    token: str
    account: str
    role_id: str
    session: str
    asked_by: str
    expires: float


@dataclass(frozen=True)
class Statement:
    """A statement of a policy: who (a Uin, a role's id, the id of a temporary key; empty: the whole account), what, on
    what. `code` is the error that a denial answers with. `resource_tags` and `request_tags` are conditions, as
    KEY&VALUE: one of them the thing carries, or the request gives to what it makes.
    """

    statement_id: str
    account: str
    principal: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    code: str = "AuthFailure.UnauthorizedOperation"
    resource_tags: tuple[str, ...] = ()
    request_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A fault that waits for calls of `action` (`*` for any), of one service or of all.

    `age` is for the kind `unseen`: how young, in cloud seconds, a thing is that the call does not see.
    """

    fault_id: str
    action: str
    kind: str
    service: str = ""
    code: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    age: float = 60.0


@dataclass(frozen=True)
class Offer:
    """What the control interface changed about a type in a zone: its stock, its list price, or both."""

    offer_id: str
    status: str = ""
    list_price: str = ""


@dataclass(frozen=True)
class Settings:
    """What a person may set on this cloud; the defaults follow Tencent's documents where these name a number."""

    settings_id: str = "settings"
    balance_cny: float = 1000.0
    # The meter's total when the balance was set: what was spent since then is no longer there.
    balance_spent_before: float = 0.0
    image_quota: int = 10
    spot_vcpu_quota: int = 50
    instance_quota: int = 100
    security_group_quota: int = 50
    snapshot_free_gb: int = 0
    launch_seconds: float = 30.0
    stop_seconds: float = 10.0
    start_seconds: float = 20.0
    terminate_seconds: float = 10.0
    attach_seconds: float = 5.0
    # An image of 60 GB takes ten minutes.
    image_seconds_per_gb: float = 10.0
    snapshot_seconds_per_gb: float = 2.0
    # How much of a system disk is assumed to be written; the snapshots of its images are billed by it.
    system_disk_used_gb: int = 60
    # Whether hourly and spot machines pass through the recycle bin (state SHUTDOWN); the documents disagree.
    recycle_bin: bool = False
    recycle_seconds: float = 7200.0
    # The address from which the callers seem to come: what MY_PUBLIC_IP stands for.
    caller_address: str = "127.0.0.1"
