"""Writes docs/permissions.md from the one table of permissions: `python -m tools.document_permissions`."""

from __future__ import annotations

import json

from rehearsal.engine import ROOT
from tencent.permissions import policy_document, role_policy, role_table, table

DOCUMENT = ROOT / "docs" / "permissions.md"

_TEXT = """# Permissions 权限

Made from `tencent/permissions.py` by `python -m tools.document_permissions`; do not edit by hand. A test lives a
whole life with a key that has this policy and nothing else, and holds the table against the calls that were made.

本页由程序生成，请勿手改。测试用只有此策略的密钥跑完整个生命周期，并逐个接口核对。

{table}

\\* Only some lives need it; a key without it can do all the rest. 仅部分场景需要，缺少时其他功能不受影响。

`chatglm doctor` tries what has a harmless trial, reads the rest from the key's own policies where it may, and
says of every action which it was. `sts:GetCallerIdentity` is open to every key.

`chatglm doctor` 会逐个接口说明：试读过、试运行过、由策略得知，还是无法得知。

## The CAM policy with the least rights 最小权限 CAM 策略

`chatglm policy` prints it. In the console: CAM, Policies, Create by policy syntax; then attach it to the user
whose keys you use. 控制台：访问管理 → 策略 → 按策略语法创建，粘贴后关联到所用密钥的子用户。

```json
{policy}
```

Every resource, since what does not exist yet has no name, and since reads and prices know no single resources.
新资源创建前没有名称，查询与询价接口也不区分资源，因此策略作用于全部资源。

## The machine's own role 机器自身的角色

With `chatglm:camRole` the machine parks itself (`docs/unattended.md`). Its role reaches the stack's own machine, the
image that this machine makes of itself, and nothing else. `chatglm policy --machine` prints the policy with the stack's
identity in place of IDENTITY.

设置 `chatglm:camRole` 后，机器可自行停放；该角色只能作用于本栈的机器及其自制镜像。
`chatglm policy --machine` 打印已填入身份标识的策略。

{role_table}

```json
{role_policy}
```

Trust it to machines (CAM, Roles, Create, Tencent Cloud product, CVM). That conditions on tags hold for these actions is
documented, and was not tried on an account. 角色载体选择腾讯云产品 CVM。标签条件依据文档，尚未在真实账号上验证。
"""


def render() -> str:
    """The whole page."""
    return _TEXT.format(
        table=table(),
        policy=json.dumps(policy_document(), indent=2),
        role_table=role_table(),
        role_policy=json.dumps(role_policy("IDENTITY"), indent=2),
    )


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
