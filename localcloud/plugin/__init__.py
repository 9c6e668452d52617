"""A stand-in for the official `pulumi-resource-tencentcloud` plug-in, for machines that cannot download it.

It answers the Pulumi engine over gRPC as version 0.2.3 of the official plug-in does, for the resources and
functions of `schema.json`, and calls the local cloud over HTTP with the official SDK's client. It talks to
nothing but a server on this machine: see `configuration`.

* `server`: the gRPC service, one method a verb.
* `schema`, `check`, `diff`, `state`: what the Terraform bridge inside the official plug-in does with properties.
* `api`: calls, retries and waits.
* `resources/`, `functions/`: one file each, of one shape.
"""
