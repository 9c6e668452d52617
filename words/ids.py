"""Words by which the machine, Tencent and the documents call a thing: ids for programs, worded where a person reads.

Nobody imports this: `phrase` is given such a word as it came, and the catalogue has it from here.
"""

from words import later

MACHINE = (
    later("pending"),
    later("running"),
    later("stopped"),
    later("starting"),
    later("stopping"),
    later("rebooting"),
    later("shutdown"),
    later("terminating"),
    later("launch_failed"),
)
IMAGE = (later("normal"), later("creating"), later("createfailed"), later("using"), later("deleting"))
PHASE = (
    later("bootstrapping"),
    later("waiting"),
    later("ready"),
    later("failed"),
    later("gone"),
    later("unreachable"),
    later("unknown"),
    later("no machine"),
    later("left behind"),
)
STEP = (later("done"), later("skipped"))
DEMO = (later("answering"), later("off"), later("silent"), later("loading"))
RUN = (
    later("finished"),
    later("interrupted"),
    later("queued"),
    later("unreadable"),
    later("created"),
    later("evaluating"),
)
KIND = (
    later("machine"),
    later("disk"),
    later("image"),
    later("snapshot"),
    later("network"),
    later("subnet"),
    later("security group"),
)
#: Who wrote a line of the event log, beside the machine.
AUTHOR = (later("guard"), later("person"))
#: What `doctor` checks.
CHECK = (
    later("settings"),
    later("stack"),
    later("keys"),
    later("clock"),
    later("permissions"),
    later("stock"),
    later("balance"),
    later("spot quota"),
    later("CAM role"),
    later("inside"),
    later("source"),
    later("image quota"),
    later("free snapshots"),
    later("demo certificate"),
    later("own address"),
)
#: What is looked up, where it could not be.
QUESTION = (
    later("machines"),
    later("disk price"),
    later("stock and prices"),
    later("public image"),
    later("named image"),
    later("all images"),
    later("disks"),
    later("images"),
    later("snapshots"),
    later("snapshot overview"),
    later("other regions"),
    later("guest"),
)
