# Everything by one word; `make help` lists it.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: help up park restore destroy down reset password test test-sweep bench lint format

help: ## this list / 本列表
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

up: $(READY) ## set everything up and bring the rehearsal machine up / 准备环境并启动演练机器
	@$(RUN) -m tools.rehearsal up

park: $(READY) ## save the machine as an image and end it / 停放：制作镜像并销毁机器
	@$(RUN) -m tools.rehearsal park

restore: $(READY) ## bring it back from the image / 从镜像恢复
	@$(RUN) -m tools.rehearsal restore

destroy: $(READY) ## destroy the stack; the newest image stays / 销毁整个栈，保留最新镜像
	@$(RUN) -m tools.rehearsal destroy

down: $(READY) ## stop the local cloud / 关闭本地云
	@$(RUN) -m tools.rehearsal down

reset: down ## forget the whole rehearsal: stack, machines, bill / 清除全部演练数据
	@rm -rf .local/cloud .local/state .local/pulumi .local/passphrase Pulumi.local.yaml

password: $(READY) ## show the demo's password / 显示演示页密码
	@$(RUN) -m tools.rehearsal password

test: $(READY) ## all tests, the end-to-end ones included / 全部测试
	@$(RUN) -m tools.pulumi_engine >/dev/null
	@$(RUN) -m pytest -n 2

test-sweep: $(READY) ## a fault at every API call of the stack's life (over an hour) / 逐个调用注入故障（一小时以上）
	@$(RUN) -m tools.pulumi_engine >/dev/null
	@$(RUN) -m tests.sweep

lint: $(READY) ## ruff, mypy in strict mode, and the checks on the PowerShell / 代码检查
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m tools.lint_powershell

format: $(READY) ## format the code / 格式化代码
	@$(RUN) -m ruff format .

bench: $(READY) ## measure the figures / 性能基准
	@$(RUN) -m tools.pulumi_engine >/dev/null
	@$(RUN) -m bench

# Only what is missing is named, in one line, before anything is made.
$(READY): requirements-dev.txt
	@for tool in git $(PYTHON); do command -v $$tool >/dev/null || \
	  { echo "$$tool is missing: install it first (Debian: apt install git python3.11 python3.11-venv)."; exit 1; }; done
	@$(PYTHON) -m venv --help >/dev/null 2>&1 || { echo "Python's venv module is missing: apt install python3.11-venv."; exit 1; }
	@echo "Setting up the virtual environment (about a minute) / 正在准备虚拟环境 ..."
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@set -o pipefail; $(RUN) -m pip install --disable-pip-version-check --progress-bar off -r requirements-dev.txt | \
	  awk '/^Collecting/ {n++; printf "\r\033[K  %d packages: %s", n, $$2; fflush()} /^Installing/ {printf "\r\033[K  installing\n"; fflush()}'
	@printf '#!%s\nimport sys\n\nsys.path.insert(0, "%s")\nfrom operate.app import main\n\nmain()\n' \
	  "$(CURDIR)/$(RUN)" "$(CURDIR)" > $(VENV)/bin/chatglm && chmod +x $(VENV)/bin/chatglm
	@touch $(READY)
